"""Where a name of Python code is bound: in one function, which nobody else can see, or elsewhere."""

from enum import Enum, auto

from tree_sitter import Node

from spark_lsp.prompts.definitions import Definition
from spark_lsp.prompts.names_python import is_binding
from spark_lsp.prompts.syntax import SyntaxTree

_SCOPES = ("function_definition", "class_definition", "lambda")


class Binding(Enum):
    """How a function knows a name."""

    LOCAL = auto()  # a variable, or a parameter that no other file can name
    PARAMETER = auto()  # calls in other files may name it
    ELSEWHERE = auto()


def find_binding(tree: SyntaxTree, definition: Definition, name: str) -> Binding:
    """Return how the function of a definition knows a name; `tree` is that of its document."""
    function = _find_function(tree, definition)
    if function is None:
        return Binding.ELSEWHERE
    parameters = function.child_by_field_name("parameters")
    if parameters is not None and name in _bound_names(parameters):
        return Binding.LOCAL if _is_private(function) else Binding.PARAMETER
    body = function.child_by_field_name("body")
    return Binding.LOCAL if body is not None and name in _bound_names(body) else Binding.ELSEWHERE


def _find_function(tree: SyntaxTree, definition: Definition) -> Node | None:
    """Return the function whose lines are those of a definition; None for a class."""
    start, end = tree.byte_of(definition.start), tree.byte_of(definition.end)
    stack = [tree.root] if tree.root is not None else []
    while stack:
        node = stack.pop()
        if node.end_byte <= start or node.start_byte >= end:
            continue
        if node.type in _SCOPES and node.end_byte == end and node.start_byte >= start:
            return node if node.type == "function_definition" else None
        stack += reversed(node.children)
    return None


def _is_private(function: Node) -> bool:
    """Tell whether only this file can call a function: it is inside another one, or begins with `_`."""
    name = function.child_by_field_name("name")
    outer = function.parent
    while outer is not None:
        if outer.type == "function_definition":
            return True
        outer = outer.parent
    return name is not None and (name.text or b"").startswith(b"_") and not (name.text or b"").endswith(b"__")


def _bound_names(root: Node) -> set[str]:
    """Return the names that the code of one scope binds; those of functions inside it are other names."""
    shared: set[str] = set()
    bound: set[str] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        text = (node.text or b"").decode("utf-8", "replace")
        if node.type in ("global_statement", "nonlocal_statement"):
            shared.update(word.strip(",") for word in text.split()[1:])
        elif node.type == "identifier" and is_binding(node):
            bound.add(text)
        is_inner = node.type in _SCOPES and node.id != root.id
        stack += [each for each in node.children if not is_inner or each.type == "identifier"]
    return bound - shared
