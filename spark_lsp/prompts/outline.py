"""The outline of a file: its signatures, without the bodies.

A model that completes a call needs the signature of a function, not its code. `outline_of` gives the
top-level names of a file in their order: functions, classes with the heads of their public methods and their
fields, constants, and in TypeScript interfaces, types and enums. Python, JavaScript and TypeScript only.

A file that does not parse completely has the names of the parts that do.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tree_sitter import Node

from spark_lsp.prompts.syntax import SyntaxTree

MAX_MEMBERS = 40  # of one class
MAX_LINE_CHARS = 120  # of a constant or a field; a longer value becomes `...`
MAX_HEAD_CHARS = 600  # of one function's head
MAX_TYPE_CHARS = 1_000  # of an interface, a type or an enum, which have no body to leave out
MAX_SYMBOLS = 400
DEFAULT = "default"  # the name of `export default`
_SPACES = re.compile(r"\s+")
_FUNCTIONS = {
    "function_definition",
    "function_declaration",
    "generator_function_declaration",
    "function_signature",
    "method_definition",
    "method_signature",
    "abstract_method_signature",
}
_CLASSES = {"class_definition", "class_declaration", "abstract_class_declaration", "class"}
_TYPES = {"interface_declaration", "type_alias_declaration", "enum_declaration", "type_alias_statement"}
_BLOCKS = {"if_statement", "try_statement", "block", "else_clause", "except_clause", "ambient_declaration"}
_FIELDS = {"public_field_definition", "field_definition"}
_LAMBDAS = {"arrow_function", "function_expression", "generator_function"}
_HIDDEN = re.compile(r"(?:private|protected)\b|#")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A top-level name, and its signature: one or more lines without a line end."""

    name: str
    text: str


def outline_of(text: str, language: str) -> tuple[Symbol, ...]:
    """Return the outline of a file; empty for a language without a grammar, or for a large file."""
    tree = SyntaxTree(language, text.replace("\r\n", "\n"))
    if tree.root is None:
        return ()
    found: dict[str, Symbol] = {}
    for symbol in _list_symbols(tree.root):
        if len(found) == MAX_SYMBOLS:
            break
        if symbol.name and symbol.name not in found:
            found[symbol.name] = symbol
    if (default := found.get(_default_name(tree.root))) is not None:
        found.setdefault(DEFAULT, Symbol(DEFAULT, default.text))
    return tuple(found.values())


def _default_name(root: Node) -> str:
    """Return the name in `export default NAME`, or an empty text."""
    for node in root.named_children:
        if node.type == "export_statement":
            value = node.child_by_field_name("value")
            if value is not None and value.type == "identifier":
                return _text(value)
    return ""


def _list_symbols(root: Node) -> Iterator[Symbol]:
    """Give the symbols of a module, those in its top-level conditions included."""
    stack = list(reversed(root.named_children))
    while stack:
        node = stack.pop()
        if node.type in _BLOCKS:
            stack.extend(reversed(node.named_children))
        else:
            yield from _symbols_of(node)


def _symbols_of(node: Node) -> Iterator[Symbol]:
    """Give the symbols that one top-level statement defines."""
    if node.type == "export_statement":
        yield from _exported_symbols(node)
    elif node.type == "decorated_definition":
        inner = node.child_by_field_name("definition")
        if inner is not None:
            decorators = [_text(each) for each in node.children if each.type == "decorator"]
            yield Symbol(_name_of(inner), "\n".join([*decorators, _describe(inner)]))
    elif node.type in _FUNCTIONS or node.type in _CLASSES or node.type in _TYPES:
        yield Symbol(_name_of(node), _describe(node))
    elif node.type in ("lexical_declaration", "variable_declaration"):
        keyword = _text(node.children[0])
        for each in node.named_children:
            if each.type == "variable_declarator":
                yield Symbol(_name_of(each), _describe_variable(keyword, each))
    elif node.type == "expression_statement" and node.named_children:
        yield from _assigned_symbols(node.named_children[0])


def _exported_symbols(node: Node) -> Iterator[Symbol]:
    declaration = node.child_by_field_name("declaration") or node.child_by_field_name("value")
    if declaration is None:
        return
    is_default = any(each.type == "default" for each in node.children)
    for symbol in _symbols_of(declaration):
        yield Symbol(DEFAULT if is_default else symbol.name, symbol.text)


def _assigned_symbols(node: Node) -> Iterator[Symbol]:
    """Give the name that a Python assignment binds."""
    left = node.child_by_field_name("left") if node.type == "assignment" else None
    if left is not None and left.type == "identifier":
        yield Symbol(_text(left), _describe_assignment(node))


def _describe(node: Node) -> str:
    """Return the signature of a function, a class or a type."""
    if node.type in _CLASSES:
        return _describe_class(node)
    if node.type in _TYPES:
        return _shorten(_dedent(node), MAX_TYPE_CHARS)
    return _describe_function(node)


def _describe_function(node: Node) -> str:
    body = node.child_by_field_name("body")
    if body is None:
        return _shorten(_dedent(node), MAX_HEAD_CHARS)
    head = _head_of(node, body)
    if head.endswith("..."):  # it is too long already
        return head
    return f"{head} ..." if head.endswith(":") else f"{head} {{ ... }}"


def _head_of(node: Node, body: Node) -> str:
    """Return the text before a body on one line, without comments."""
    pieces: list[bytes] = []
    source = node.text or b""
    at = 0
    for comment in _comments_before(node, body):
        pieces.append(source[at : comment.start_byte - node.start_byte])
        at = comment.end_byte - node.start_byte
    pieces.append(source[at : body.start_byte - node.start_byte])
    joined = _SPACES.sub(" ", b"".join(pieces).decode("utf-8", "replace")).strip()
    joined = joined.replace("( ", "(").replace(", )", ")").replace(" )", ")")
    return _shorten(joined, MAX_HEAD_CHARS)


def _comments_before(node: Node, body: Node) -> list[Node]:
    """Return the comments in a head, in their order."""
    found: list[Node] = []
    stack = [node]
    while stack:
        each = stack.pop()
        if each.start_byte >= body.start_byte or each == body:
            continue
        if each.type == "comment":
            found.append(each)
        else:
            stack.extend(reversed(each.children))
    return found


def _describe_class(node: Node) -> str:
    body = node.child_by_field_name("body")
    if body is None:
        return _shorten(_dedent(node), MAX_HEAD_CHARS)
    head = _head_of(node, body)
    is_python = node.type == "class_definition"
    members = [textwrap.indent(each, "    ") for each in islice(_list_members(body), MAX_MEMBERS)]
    if not members:
        return f"{head} ..." if is_python else f"{head} {{ }}"
    return "\n".join([head, *members]) if is_python else "\n".join([f"{head} {{", *members, "}"])


def _list_members(body: Node) -> Iterator[str]:
    """Give the public members of a class: heads of methods, and fields."""
    for node in body.named_children:
        inner = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
        if inner is None or _is_hidden(inner):
            continue
        if inner.type in _FUNCTIONS:
            decorators = [_text(each) for each in node.children if each.type == "decorator"]
            yield "\n".join([*(decorators if inner is not node else []), _describe_function(inner)])
        elif inner.type in _FIELDS:
            yield _shorten_line(_text(inner))
        elif inner.type == "expression_statement" and inner.named_children:
            assigned = inner.named_children[0]
            if assigned.type == "assignment":
                yield _describe_assignment(assigned)


def _is_hidden(node: Node) -> bool:
    """Tell whether a member is private by its name or its modifier."""
    name = _name_of(node) or _text(node)
    if name.startswith("_"):
        return not (name.startswith("__") and name.split("(")[0].endswith("__"))
    return _HIDDEN.match(_text(node)) is not None or name.startswith("#")


def _describe_variable(keyword: str, node: Node) -> str:
    """Return a declaration in JavaScript; of a function, without its body."""
    value = node.child_by_field_name("value")
    if value is not None and value.type in _LAMBDAS:
        body = value.child_by_field_name("body")
        if body is not None:
            head = _head_of(node, body)
            return f"{keyword} {head} ..."
    return _shorten_line(f"{keyword} {_text(node)}")


def _describe_assignment(node: Node) -> str:
    return _shorten_line(_text(node))


def _shorten_line(text: str) -> str:
    """Return a declaration on one line; without its value if that is long."""
    line = text.split("\n", 1)[0]
    if line == text and len(line) <= MAX_LINE_CHARS:
        return line
    name, equals, _ = line.partition("=")
    if not equals:
        return _shorten(line, MAX_LINE_CHARS)
    return f"{_shorten(name.rstrip(), MAX_LINE_CHARS)} = ..."


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()} ..."


def _dedent(node: Node) -> str:
    """Return the text of a node whose first line has no indentation, and the others as in the file."""
    return textwrap.dedent(" " * node.start_point.column + _text(node)).strip()


def _name_of(node: Node) -> str:
    name = node.child_by_field_name("name")
    if name is None and node.type == "type_alias_statement":
        name = node.child_by_field_name("left")
    if name is None and node.type == "field_definition":
        name = node.child_by_field_name("property")
    return _text(name).split("[")[0] if name is not None else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
