"""Removes an import that a linter reports as unused, without a model.

The linters and type checkers of Python word their messages in different ways and mark the name or the whole
statement. A name that the file still uses, or that `__all__` or a comment may explain, is left to the model.
"""

import re

from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

_CODES = {"F401", "W0611", "unused-import", "reportUnusedImport"}
_MESSAGE = re.compile(
    r"imported but unused|is not accessed|^Unused (?:import\b|.* imported from)", re.IGNORECASE
)
_WORDS = re.compile(r"[`'\"]([^`'\"]+)[`'\"]|^Unused (?:import )?(\S+(?: as \w+)?)")
_IMPORTS = ("import_statement", "import_from_statement")
_NAMES = ("dotted_name", "aliased_import")

Span = tuple[int, int]


def unused_import_edits(
    document: Document, tree: SyntaxTree, start: int, end: int, message: str, code: str
) -> list[Edit] | None:
    """Return the edit that removes the import of a diagnostic `[start, end)`, or None for all others."""
    if code not in _CODES and not _MESSAGE.search(message):
        return None
    statement = _find_import(tree, start)
    if statement is None:
        return None
    span, names, is_alone = statement
    chosen = _choose_name(document, names, (start, end), message)
    if chosen is None or _is_used(tree, document, chosen):
        return None
    if len(names) > 1:
        return [_removal_from_list(names, chosen)]
    first = document.line_start(document.line_at(span[0]))
    last = document.line_start(document.line_at(span[1]) + 1)
    rest = document.text[first : span[0]] + document.text[span[1] : last]
    return None if is_alone or rest.strip() else [Edit(first, last, "")]


def _find_import(tree: SyntaxTree, offset: int) -> tuple[Span, list[Span], bool] | None:
    """Return an import statement at an offset, the names in it, and whether its block holds nothing else."""
    if tree.root is None:
        return None
    byte = tree.byte_of(offset)
    node = tree.root.descendant_for_byte_range(byte, byte)
    while node is not None and node.type not in _IMPORTS:
        node = node.parent
    if node is None:
        return None
    module = node.child_by_field_name("module_name")
    found = [each for each in node.named_children if each.type in _NAMES and each != module]
    spans = [(tree.offset_of(each.start_byte), tree.offset_of(each.end_byte)) for each in found]
    block = node.parent
    is_alone = block is not None and block.type != "module" and len(block.named_children) == 1
    return (tree.offset_of(node.start_byte), tree.offset_of(node.end_byte)), spans, is_alone


def _choose_name(document: Document, names: list[Span], marked: Span, message: str) -> Span | None:
    """Return the name that the diagnostic marks or mentions; None if that is not clear."""
    inside = [span for span in names if span[0] < marked[1] and marked[0] < span[1]]
    if len(inside) == 1:
        return inside[0]
    mentioned = [word for match in _WORDS.finditer(message) for word in match.groups() if word]
    fitting = [
        span for span in names if any(_is_same(document.text[slice(*span)], word) for word in mentioned)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _is_same(name: str, mentioned: str) -> bool:
    """Tell whether a linter means this name; it may write the module before it."""
    plain = " ".join(name.split())
    return mentioned == plain or mentioned.endswith(f".{plain}")


def _is_used(tree: SyntaxTree, document: Document, name: Span) -> bool:
    """Tell whether the file uses the imported name, or may export it."""
    text = document.text[slice(*name)]
    bound = text.split(" as ")[-1].strip().split(".")[0]
    uses = [offset for offset in tree.find_uses(bound) or () if not name[0] <= offset < name[1]]
    exported = re.search(rf"['\"]{re.escape(bound)}['\"]", document.text)
    return bool(uses) or (exported is not None and "__all__" in document.text)


def _removal_from_list(names: list[Span], chosen: Span) -> Edit:
    at = names.index(chosen)
    if at + 1 < len(names):
        return Edit(chosen[0], names[at + 1][0], "")
    return Edit(names[at - 1][1], chosen[1], "")
