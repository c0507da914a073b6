"""The refactorings that need no model: when they are offered, and the names in their instructions.

The conditions look at the selection alone. The refactoring itself checks more, and may refuse.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

REFACTORINGS = ("inline", "extract_variable", "extract_function")
LANGUAGE = "python"
DEFAULT_NAME = "extracted"  # as in `lsp/refactor/extract`, which runs in a process without this room
NO_VARIABLE = "Put the cursor on a variable of a function that is assigned once"
NO_EXPRESSION = "Select an expression"
NO_CODE = "Select an expression, or complete statements of a function"
_NAME = re.compile(r"`([^\W\d]\w*)(?:\([^`]*\))?`")
_INLINE = re.compile(
    r"\s*inline\s+(?:the\s+)?(?:local\s+)?(?:variable\s+)?`?[^\W\d]\w*`?\s*\.?\s*", re.IGNORECASE
)
_EXTRACT = re.compile(
    r"\s*extract\s+(?:this|these lines|the (?:selected )?(?:lines|code|expression)|the selection)"
    r"\s+into\s+an?\s+(?:new\s+)?(function|variable|method)(?:\s+(?:named|called)?\s*`?[^\W\d]\w*(?:\([^`]*\))?`?)?\s*\.?\s*",
    re.IGNORECASE,
)
_LAST_NAME = re.compile(r"([^\W\d]\w*)(?:\([^)]*\))?[`\s.]*$")
_KINDS = {"function", "variable", "method"}
_NO_VALUES = (
    "_statement",
    "_definition",
    "_clause",
    "block",
    "module",
    "arguments",
    "argument_list",
    "comment",
)
_NO_VALUES_TOO = (
    "parameters",
    "string_content",
    "string_start",
    "string_end",
    "ERROR",
    "keyword_argument",
    "pair",
)
_LEAVING = {
    *("return_statement", "yield", "await", "global_statement", "nonlocal_statement", "delete_statement"),
    *("import_statement", "import_from_statement", "function_definition", "class_definition"),
}


@dataclass(frozen=True, slots=True)
class RefactoringOffer:
    """A refactoring for a selection; `obstacle` is the reason if it cannot be made there."""

    action: str
    subject: str = ""
    obstacle: str = ""


def list_refactorings(document: Document, tree: SyntaxTree, start: int, end: int) -> list[RefactoringOffer]:
    """Return the refactorings for a selection, or an empty list for other languages than Python."""
    if document.language != LANGUAGE or tree.root is None:
        return []
    variable = _find_variable(document, tree, start, end)
    kind = _kind_of_selection(document, tree, start, end)
    return [
        RefactoringOffer("inline", variable, "" if variable else NO_VARIABLE),
        RefactoringOffer("extract_variable", "", "" if kind == "expression" else NO_EXPRESSION),
        RefactoringOffer("extract_function", "", "" if kind else NO_CODE),
    ]


def _find_variable(document: Document, tree: SyntaxTree, start: int, end: int) -> str:
    """Return the variable at `start`, or the one that the first selected line assigns; empty if none fits."""
    name = _word_at(document.text, start)
    if not name or name not in _assigned_once(tree, start):
        number = document.line_at(start)
        line = document.line(number)
        found = re.match(r"[ \t]*([^\W\d]\w*)[ \t]*(?::[^=]+)?=(?!=)", line)
        is_selection = end - start > 1 and not document.text[document.line_start(number) : start].strip()
        name = found[1] if found and is_selection and found[1] in _assigned_once(tree, start) else ""
    return name


def _word_at(text: str, offset: int) -> str:
    first = offset
    while first > 0 and (text[first - 1].isalnum() or text[first - 1] == "_"):
        first -= 1
    found = re.compile(r"[^\W\d]\w*").match(text, first)
    is_attribute = first > 0 and text[first - 1] == "."
    return found[0] if found and not is_attribute else ""


def _assigned_once(tree: SyntaxTree, offset: int) -> set[str]:
    """Return the names that have one plain assignment in the function around an offset."""
    definition = tree.definition_at(offset)
    if definition is None or tree.root is None:
        return set()
    names: list[str] = []
    stack = [tree.root]
    while stack:
        node = stack.pop()
        first, last = tree.offset_of(node.start_byte), tree.offset_of(node.end_byte)
        if last < definition.start or first > definition.end:
            continue
        left = node.child_by_field_name("left") if node.type == "assignment" else None
        if left is not None and left.type == "identifier" and definition.start <= first:
            names.append((left.text or b"").decode())
        stack += node.children
    return {name for name in names if names.count(name) == 1}


def _kind_of_selection(document: Document, tree: SyntaxTree, start: int, end: int) -> str:
    """Return `expression`, `statements`, or an empty text for a selection of something else."""
    text = document.text[start:end]
    if len(text) < 2 or not text.strip() or tree.root is None:
        return ""
    first = start + len(text) - len(text.lstrip())
    last = start + len(text.rstrip())
    while document.text[first] == "(" and document.text[last - 1] == ")" and last - first > 2:
        if _is_value(tree, first, last):
            return "expression"
        first, last = first + 1, last - 1
    if _is_value(tree, first, last):
        return "expression"
    line_start = document.line_start(document.line_at(first))
    line_end = document.line_end(document.line_at(last))
    is_lines = not document.text[line_start:first].strip() and not document.text[last:line_end].strip()
    is_possible = is_lines and tree.definition_at(first) is not None and not _leaves(tree, first, last)
    return "statements" if is_possible else ""


def _leaves(tree: SyntaxTree, first: int, last: int) -> bool:
    """Tell whether statements in a range cannot be in a function of their own."""
    assert tree.root is not None
    start, end = tree.byte_of(first), tree.byte_of(last)
    stack = [tree.root]
    while stack:
        node = stack.pop()
        if node.start_byte >= start and node.end_byte <= end and node.type in _LEAVING:
            return True
        stack += [each for each in node.children if each.start_byte < end and each.end_byte > start]
    return False


def _is_value(tree: SyntaxTree, first: int, last: int) -> bool:
    """Tell whether exactly this range is an expression, and not a complete statement."""
    assert tree.root is not None
    span = tree.byte_of(first), tree.byte_of(last)
    node = tree.root.descendant_for_byte_range(*span)
    if node is None or (node.start_byte, node.end_byte) != span or not node.is_named:
        return False
    parent = node.parent
    is_statement = parent is not None and parent.type == "expression_statement"
    return not is_statement and not node.type.endswith((*_NO_VALUES, *_NO_VALUES_TOO))


def read_name(action: str, instruction: str) -> str:
    """Return the name in an instruction: the instruction itself, or its first name in backticks."""
    text = instruction.strip()
    if text.isidentifier():
        return text
    found = _NAME.search(text)
    if found:
        return found[1]
    last = _LAST_NAME.search(text) if action == "inline" else None
    return last[1] if last else ""


def read_parameters(instruction: str) -> frozenset[str] | None:
    """Return the parameters of the function that an instruction names with a signature, or None."""
    found = re.search(r"`[^\W\d]\w*\(([^`]*)\)`", instruction)
    if found is None:
        return None
    return frozenset(name for each in found[1].split(",") if (name := each.split(":")[0].strip()))


def read_refactoring(instruction: str) -> tuple[str, str] | None:
    """Return the refactoring that an instruction asks for, and the name; None for all other instructions."""
    if _INLINE.fullmatch(instruction):
        return "inline", read_name("inline", instruction)
    if match := _EXTRACT.fullmatch(instruction):
        action = "extract_variable" if match[1].lower() == "variable" else "extract_function"
        last = _LAST_NAME.search(instruction)
        name = last[1] if last and last[1].lower() not in _KINDS else ""
        return action, read_name(action, instruction) or name
    return None
