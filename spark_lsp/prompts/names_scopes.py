"""The names of a complete file that nothing binds in their scopes, and the local ones that nothing reads.

`names.find_unresolved` accepts a name that occurs anywhere else in the file. This module follows the scopes,
because its results for a file before and after an edit are compared: only a name that the edit made undefined
counts, so a rule that is too strict changes nothing. It finds nothing in texts without a tree, and in
languages without rules.
"""

from dataclasses import dataclass, field

from tree_sitter import Node

from spark_lsp.prompts.names_code import LanguageRules, ancestors_of, is_field, text_of, walk
from spark_lsp.prompts.names_rules import LANGUAGES
from spark_lsp.prompts.syntax import SyntaxTree

_FUNCTIONS = frozenset(
    {
        *("function_definition", "lambda", "function_declaration", "generator_function_declaration"),
        *("function_expression", "generator_function", "arrow_function", "method_definition"),
    }
)
_COMPREHENSIONS = frozenset(
    ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
)
_CLASSES = frozenset(("class_definition",))  # a Python class hides its names from its methods
_DYNAMIC_LOCALS = "locals()"
_SCOPES = _FUNCTIONS | _COMPREHENSIONS | _CLASSES
_NAMED = frozenset(
    (
        "function_definition",
        "class_definition",
        "function_declaration",
        "generator_function_declaration",
        "method_definition",
    )
)


@dataclass(slots=True)
class _Scope:
    """The names bound in one scope; `is_class` for a scope that inner functions cannot see."""

    outer: "_Scope | None"
    is_class: bool = False
    bound: set[str] = field(default_factory=set[str])

    def has(self, name: str) -> bool:
        """Tell whether code in this scope can read a name."""
        scope: _Scope | None = self
        is_own = True
        while scope is not None:
            if name in scope.bound and (is_own or not scope.is_class):
                return True
            scope, is_own = scope.outer, False
        return False


def find_undefined(tree: SyntaxTree) -> dict[str, int]:
    """Return the names that a file reads and that no scope around binds, each with its first offset."""
    rules = LANGUAGES.get(tree.language)
    root = tree.root
    if rules is None or root is None or rules.is_dynamic(tree.text):
        return {}
    scopes, uses = _collect(rules, root)
    found: dict[str, int] = {}
    for node in uses:
        name = text_of(node)
        if name in rules.globals or name in found or not name.strip("_"):
            continue
        if not any(scope.has(name) for scope in _scopes_of(node, scopes)):
            found[name] = tree.offset_of(node.start_byte)
    return found


def find_unused(tree: SyntaxTree) -> set[str]:
    """Return the local variables and local functions that nothing reads.

    Parameters, loop variables and names of a pattern do not count, nor texts that do not parse.
    """
    rules = LANGUAGES.get(tree.language)
    root = tree.root
    if rules is None or root is None or root.has_error or _DYNAMIC_LOCALS in tree.text:
        return set()
    scopes, uses = _collect(rules, root)
    read: dict[int, set[str]] = {}
    for node in uses:
        for outer in ancestors_of(node):
            if outer.id in scopes:
                read.setdefault(outer.id, set()).add(text_of(node))
    found: set[str] = set()
    for node in walk(root):
        if not _is_plain_local(node) or not rules.is_name(node):
            continue
        scope = _binding_scope(node, scopes, root)
        name = text_of(node)
        is_local = scope != root.id and not scopes[scope].is_class
        if is_local and name not in read.get(scope, ()) and not name.startswith("_"):
            found.add(name)
    return found


def _is_plain_local(node: Node) -> bool:
    """Tell whether a node is the only target of an assignment, or the name of a function."""
    parent = node.parent
    if parent is None:
        return False
    field_of = {"assignment": "left", "variable_declarator": "name"}.get(parent.type)
    return is_field(node, field_of) if field_of else parent.type in _NAMED and is_field(node, "name")


def _collect(rules: LanguageRules, root: Node) -> tuple[dict[int, _Scope], list[Node]]:
    """Return the scopes by their nodes, with the names bound in them, and the names that are read."""
    scopes: dict[int, _Scope] = {root.id: _Scope(None)}
    bindings: list[Node] = []
    uses: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type == "ERROR":
            continue
        if node.type in _SCOPES and node.id not in scopes:
            outer = next((each.id for each in ancestors_of(node) if each.id in scopes), root.id)
            scopes[node.id] = _Scope(scopes[outer], node.type in _CLASSES)
        is_outer = node.parent is not None and node.parent.type == "nonlocal_statement"
        if rules.is_name_use(node) or (is_outer and rules.is_name(node)):
            uses.append(node)
        elif rules.is_name(node) and rules.is_binding(node):
            bindings.append(node)
        stack.extend(reversed(node.children))
    for node in bindings:
        scopes[_binding_scope(node, scopes, root)].bound.add(text_of(node))
    return scopes, uses


def _scopes_of(node: Node, scopes: dict[int, _Scope]) -> list[_Scope]:
    """Return the innermost scope around a node; in the head of a definition, also the scope around that.

    Python evaluates bases and default values outside, but binds type parameters inside.
    """
    inner = node
    for outer in ancestors_of(node):
        if outer.id in scopes:
            scope = scopes[outer.id]
            is_head = scope.outer is not None and not is_field(inner, "body")
            return [scope, scope.outer] if is_head and scope.outer is not None else [scope]
        inner = outer
    return []


def _binding_scope(node: Node, scopes: dict[int, _Scope], root: Node) -> int:
    parent = node.parent
    if parent is not None and parent.type == "global_statement":
        return root.id
    skips = parent is not None and parent.type in _NAMED and is_field(node, "name")
    is_walrus = parent is not None and parent.type == "named_expression" and is_field(node, "name")
    for outer in ancestors_of(node):
        if outer.id not in scopes or (is_walrus and outer.type in _COMPREHENSIONS):
            continue
        if skips and outer == parent:
            continue
        return outer.id
    return root.id
