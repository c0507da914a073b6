"""The names of a complete file that nothing binds in their scopes, and the local ones that nothing reads.

`names.find_unresolved` accepts a name that occurs anywhere else in the file. This module follows the scopes,
because its results for a file before and after an edit are compared: only a name that the edit made undefined
counts, so a rule that is too strict changes nothing. It finds nothing in texts without a tree, and in
languages without rules.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tree_sitter import Node

from spark_lsp.prompts.names_code import LanguageRules, is_field, text_of
from spark_lsp.prompts.names_rules import LANGUAGES
from spark_lsp.prompts.syntax import SyntaxTree

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 400  # of a tree: looking up a node's parent takes as long as the node is deep

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
_TARGETS = {"assignment": "left", "variable_declarator": "name"}
_NAMED = frozenset(
    (
        "function_definition",
        "class_definition",
        "function_declaration",
        "generator_function_declaration",
        "method_definition",
    )
)


@dataclass(slots=True, eq=False)
class _Scope:
    """The names bound and read in one scope; inner functions cannot see those of a class."""

    kind: str
    outer: "_Scope | None"
    bound: set[str] = field(default_factory=set[str])
    read: set[str] = field(default_factory=set[str])  # here and in inner scopes
    plain: set[str] = field(default_factory=set[str])  # local variables and functions of one plain name

    def has(self, name: str) -> bool:
        """Tell whether code in this scope can read a name."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.bound and (scope is self or scope.kind not in _CLASSES):
                return True
            scope = scope.outer
        return False

    def chain(self) -> "Iterator[_Scope]":
        """Give this scope and those around it."""
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


@dataclass(frozen=True, slots=True)
class _Use:
    """A name that code reads, with its scope.

    In the head of a definition, names of the scope around count too: Python evaluates bases and default
    values there, but binds type parameters inside.
    """

    name: str
    byte: int
    scope: _Scope
    is_head: bool

    @property
    def is_defined(self) -> bool:
        """Whether a scope around binds the name."""
        outer = self.scope.outer
        return self.scope.has(self.name) or (self.is_head and outer is not None and outer.has(self.name))


def find_undefined(tree: SyntaxTree) -> dict[str, int]:
    """Return the names that a file reads and that no scope around binds, each with its first offset."""
    rules = LANGUAGES.get(tree.language)
    if rules is None or tree.root is None or rules.is_dynamic(tree.text) or is_deep(tree.root):
        return {}
    found: dict[str, int] = {}
    _, uses = _collect(rules, tree.root)
    for use in uses:
        is_known = use.name in rules.globals or use.name in found or not use.name.strip("_")
        if not is_known and not use.is_defined:
            found[use.name] = tree.offset_of(use.byte)
    return found


def find_unused(tree: SyntaxTree) -> set[str]:
    """Return the local variables and local functions that nothing reads.

    Parameters, loop variables and names of a pattern do not count, nor texts that do not parse.
    """
    rules = LANGUAGES.get(tree.language)
    root = tree.root
    if rules is None or root is None or root.has_error or is_deep(root):
        return set()
    if _DYNAMIC_LOCALS in tree.text:
        return set()
    scopes, _ = _collect(rules, root)
    functions = [scope for scope in scopes if scope.outer is not None and scope.kind not in _CLASSES]
    names = {name for scope in functions for name in scope.plain - scope.read}
    return {name for name in names if not name.startswith("_")}


def is_deep(root: Node) -> bool:
    """Tell whether a tree is too deep to be examined: a sum of a thousand terms is that deep."""
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.children]
        if not level:
            return False
    return True


def _collect(rules: LanguageRules, root: Node) -> tuple[list[_Scope], list[_Use]]:
    """Return all scopes with the names in them, and the names that are read."""
    module = _Scope(root.type, None)
    scopes = [module]
    uses: list[_Use] = []
    stack = [(root, module, False)]
    while stack:
        node, scope, is_head = stack.pop()
        if node.type == "ERROR":
            continue
        if rules.is_name_use(node):
            uses.append(_Use(text_of(node), node.start_byte, scope, is_head))
            _mark_read(scope, text_of(node))
        elif rules.is_name(node) and rules.is_binding(node):
            _bind(node, scope, module)
        if node.type in _SCOPES:
            scope = _Scope(node.type, scope)
            scopes.append(scope)
            body = node.child_by_field_name("body")
            stack.extend((child, scope, child != body) for child in reversed(node.children))
        else:
            stack.extend((child, scope, is_head) for child in reversed(node.children))
    return scopes, uses


def _mark_read(scope: _Scope, name: str) -> None:
    for each in scope.chain():
        each.read.add(name)


def _bind(node: Node, scope: _Scope, module: _Scope) -> None:
    """Record a name in the scope that it is bound in."""
    name, parent = text_of(node), node.parent
    kind = "" if parent is None else parent.type
    if kind == "global_statement":
        scope = module
    elif kind == "nonlocal_statement":
        _mark_read(scope, name)
    elif kind in _NAMED and is_field(node, "name") and scope.outer is not None:
        scope = scope.outer  # a definition binds its name outside
    elif kind == "named_expression":
        scope = next(each for each in scope.chain() if each.kind not in _COMPREHENSIONS)
    scope.bound.add(name)
    if kind in _NAMED or is_field(node, _TARGETS.get(kind, "")):
        scope.plain.add(name)
