"""What can be known of code without running it: definitions, errors, tokens, imports.

Where a tree-sitter grammar is at hand (Python, JavaScript, TypeScript) the syntax tree tells. For other
languages definitions are guessed from their first line and their braces or indentation, and nothing is
claimed about errors: the answer is None, "cannot be checked". Offsets are code points.

Grammars know line feeds only, so a carriage return that stands alone is read as one; offsets stay.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from tree_sitter import Language, Node, Parser

_DEFINITIONS = {
    "function_definition",
    "class_definition",
    "function_declaration",
    "generator_function_declaration",
    "class_declaration",
    "method_definition",
    "interface_declaration",
    "abstract_class_declaration",
}
_WRAPPERS = {"decorated_definition", "export_statement"}
_HEAD = re.compile(
    r"^[ \t]*(?:(?:pub(?:\([a-z]+\))?|public|private|protected|static|async|export|local|unsafe|abstract"
    r"|final)\s+)*(?:fn|func|function|def|class|struct|enum|trait|impl|interface|type|module)\b\s*[\w.:(]",
    re.MULTILINE,
)
_NAMES = {
    "identifier",
    "shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
    "type_identifier",
}
_LONE_RETURN = re.compile(r"\r(?!\n)")
MAX_PARSED = 200_000  # characters; parsing takes 25 ms for 100,000
NEAR = 50_000  # characters on each side that are looked at where nothing is parsed
_FROM_FUTURE = "future_import_statement"


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, method or class: whole lines `[start, end)`, without the last line end.

    `body` is where its body's first statement begins, or None if it has no body of its own lines;
    `docstring` is the range of its docstring, quotes included (Python only).
    """

    start: int
    end: int
    body: int | None
    docstring: tuple[int, int] | None


def definition_at(language: str, text: str, offset: int) -> Definition | None:
    """Return the innermost definition around `offset`; at a blank place, None."""
    text = _LONE_RETURN.sub("\n", text)
    tree = _parse(language, text)
    if tree is None:
        return _guessed_near(text, offset)
    points, root = tree
    at = len(text[:offset].encode("utf-8", "surrogatepass"))
    best: Node | None = None
    around = [root]
    while around:
        node = around.pop()
        if node.type in _DEFINITIONS:
            best = node
        around += [child for child in reversed(node.children) if _covers(child, at)]
    return None if best is None else _definition(text, points, best)


def _covers(node: Node, at: int) -> bool:
    """Tell whether the lines of a node, a definition's decorators included, hold the byte `at`."""
    outer = _outer(node)
    return outer.start_byte - outer.start_point.column <= at <= outer.end_byte


def _outer(node: Node) -> Node:
    parent = node.parent
    return parent if parent is not None and parent.type in _WRAPPERS else node


def _definition(text: str, points: "Callable[[int], int]", node: Node) -> Definition:
    outer = _outer(node)
    start = text.rfind("\n", 0, points(outer.start_byte)) + 1
    body = node.child_by_field_name("body")
    first = body.named_children[0] if body is not None and body.named_children else None
    own_line = first is not None and first.start_point[0] > node.start_point[0]
    docstring = _docstring(first)
    return Definition(
        start,
        points(outer.end_byte),
        points(first.start_byte) if first is not None and own_line else None,
        None if docstring is None else (points(docstring.start_byte), points(docstring.end_byte)),
    )


def _docstring(first: Node | None) -> Node | None:
    if first is None or first.type != "expression_statement" or not first.named_children:
        return None
    inner = first.named_children[0]
    return inner if inner.type == "string" and len(first.named_children) == 1 else None


def errors(language: str, text: str) -> int | None:
    """Return how many places do not parse, or None if that cannot be checked."""
    tree = _parse(language, text)
    if tree is None:
        return None
    if not tree[1].has_error:
        return 0
    return sum(1 for node in _walk(tree[1]) if node.type == "ERROR" or node.is_missing)


def code_tokens(language: str, text: str) -> list[str] | None:
    """Return the code without comments and docstrings, token by token, or None if unknown."""
    tree = _parse(language, text)
    if tree is None:
        return None
    skipped = {node.id for node in _all_docstrings(tree[1])}
    return [piece.decode("utf-8", "surrogatepass") for piece in _leaves(tree[1], skipped)]


def _all_docstrings(root: Node) -> Iterator[Node]:
    for node in _walk(root):
        body = node if node.type == "module" else node.child_by_field_name("body")
        if node.type in _DEFINITIONS or node.type == "module":
            first = body.named_children[0] if body is not None and body.named_children else None
            found = _docstring(first)
            if found is not None:
                yield found


def _leaves(root: Node, skipped: set[int]) -> Iterator[bytes]:
    """Yield the text of every token, however deep: a long sum is a tree as deep as it is long."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.id in skipped or "comment" in node.type:
            continue
        if node.children and node.type != "string":
            stack.extend(reversed(node.children))
        else:
            yield node.text or b""


def uses(language: str, text: str, name: str) -> list[int] | None:
    """Return where a name is used as a name of its own, in order, or None without a grammar.

    Names of attributes and of keyword arguments are other things that happen to be spelled alike.
    """
    tree = _parse(language, text)
    if tree is None:
        return None
    points, root = tree
    wanted = name.encode()
    return [
        points(node.start_byte)
        for node in _walk(root)
        if node.type in _NAMES and node.text == wanted and not _belongs_to_another(node)
    ]


def _belongs_to_another(node: Node) -> bool:
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "attribute":
        return parent.child_by_field_name("attribute") == node
    return parent.type == "keyword_argument" and parent.child_by_field_name("name") == node


def import_place(text: str) -> int:
    """Return where a plain `import` may be inserted in Python: behind the imports, else behind the head.

    The offset is the beginning of a line.
    """
    text = _LONE_RETURN.sub("\n", text)
    tree = _parse("python", text[:MAX_PARSED])  # imports stand at the top
    assert tree is not None
    points, root = tree
    last = 0
    for number, node in enumerate(root.named_children):
        imports = node.type in ("import_statement", "import_from_statement", _FROM_FUTURE)
        head = node.type == "comment" or (number <= 1 and _docstring(node) is not None)
        if not imports and not head:
            break
        last = points(node.end_byte)
    end = text.find("\n", last)
    return 0 if last == 0 else len(text) if end < 0 else end + 1


def _walk(root: Node) -> Iterator[Node]:
    """Yield every node, parents before children."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def _parse(language: str, text: str) -> "tuple[Callable[[int], int], Node] | None":
    """Return `(byte offset → code point offset, root)`, or None without a grammar or for a large text."""
    grammar = _grammar(language)
    if grammar is None or len(text) > MAX_PARSED:
        return None
    parser = Parser(grammar)  # one for each text: callers may be on several threads
    data = _LONE_RETURN.sub("\n", text).encode("utf-8", "surrogatepass")
    root = parser.parse(data).root_node
    if len(data) == len(text):
        return (lambda byte: byte), root
    return (lambda byte: len(data[:byte].decode("utf-8", "surrogatepass"))), root


@lru_cache
def _grammar(language: str) -> Language | None:
    """Return the grammar for one of LSP's language ids."""
    pointer: object
    if language == "python":
        import tree_sitter_python

        pointer = tree_sitter_python.language()
    elif language in ("javascript", "javascriptreact"):
        import tree_sitter_javascript

        pointer = tree_sitter_javascript.language()
    elif language in ("typescript", "typescriptreact"):
        import tree_sitter_typescript

        tsx = language == "typescriptreact"
        pointer = (
            tree_sitter_typescript.language_tsx() if tsx else tree_sitter_typescript.language_typescript()
        )
    else:
        return None
    return Language(pointer)


def _guessed_near(text: str, offset: int) -> Definition | None:
    """Guess as `_guessed` does, from the lines around, so that a large text takes no longer."""
    shift = text.rfind("\n", 0, max(offset - NEAR, 0)) + 1
    found = _guessed(text[shift : offset + NEAR], offset - shift)
    return found and Definition(found.start + shift, found.end + shift, None, None)


def _guessed(text: str, offset: int) -> Definition | None:
    """Return a definition by the look of its first line, in a language without a grammar here."""
    line_end = text.find("\n", offset)
    heads = list(_HEAD.finditer(text, 0, len(text) if line_end < 0 else line_end))
    for head in reversed(heads):
        start = head.start()
        end = _block_end(text, start)
        if start <= offset <= end:
            return Definition(start, end, None, None)
    return None


def _block_end(text: str, start: int) -> int:
    """Return where a block ends: at its closing brace, or before a line that is not indented deeper."""
    opening = text.find("{", start)
    first_end = text.find("\n", start)
    if opening >= 0 and (first_end < 0 or opening <= text.find("\n", first_end + 1) or opening < first_end):
        depth = 0
        for at in range(opening, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                return at + 1
    return _dedent(text, start)


def _dedent(text: str, start: int) -> int:
    lines = text[start:].split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    end = len(lines[0])
    for line in lines[1:]:
        deeper = len(line) - len(line.lstrip()) > indent
        if line.strip() and not deeper and line.strip() not in ("end", "}"):
            break
        end += len(line) + 1
        if line.strip() in ("end", "}") and not deeper:
            break
    return start + len(text[start : start + end].rstrip())
