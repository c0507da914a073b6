"""Definitions that the change repeats in one scope, or leaves out.

A second definition would silently replace the first one.
"""

import re
from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import text_of
from spark_lsp.prompts.syntax import SyntaxTree

_DEFINITIONS = frozenset(
    {
        *("function_definition", "class_definition", "function_declaration", "class_declaration"),
        *("generator_function_declaration", "abstract_class_declaration", "method_definition"),
        *("interface_declaration", "type_alias_declaration", "enum_declaration"),
    }
)
_REPLACES = re.compile(
    r"\b(?:rename|name|call|remove|delete|drop|replace|inline|convert|turn|into|merge|split|move|combine|class"
    r"|rewrite|refactor|extract|translate|instead)\b",
    re.IGNORECASE,
)
_MERGED = frozenset(("interface_declaration",))  # TypeScript joins those of one name
_ACCESSORS = frozenset(("get", "set", "static"))


def check_duplicates(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a scope of the new text defines a name more often than before."""
    old, new = count_definitions(change.tree), count_definitions(change.new_tree)
    for (scope, name), count in new.items():
        if count > 1 and count > old[(scope, name)]:
            raise refuse(
                f"defines {name!r} twice",
                Code.PROPOSAL_DUPLICATE,
                f"`{name}` is defined twice. Write only the changed code, with each definition once.",
            )


def check_definitions_stay(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a definition is gone that the request does not name as one to replace."""
    if _REPLACES.search(change.request_words):
        return
    new = {name for _, name, _ in _list_definitions(change.new_tree)}
    lost = [name for _, name, _ in _list_definitions(change.tree) if name not in new]
    if lost:
        raise refuse(
            f"leaves out the definition of {lost[0]!r}",
            Code.PROPOSAL_REMOVES_CODE,
            f"Your answer leaves out `{lost[0]}`. Keep it, and make only the requested change.",
        )


def count_definitions(tree: SyntaxTree) -> Counter[tuple[str, str]]:
    """Return how often each scope, named by the definitions around it, defines each name.

    Definitions with decorators do not count, because property setters and overloads repeat a name. The two
    branches of an `if` are separate scopes.
    """
    return Counter(
        (scope, _label(node) + name)
        for scope, name, node in _list_definitions(tree)
        if node.type not in _MERGED and not _is_decorated(node)
    )


def _list_definitions(tree: SyntaxTree) -> Iterator[tuple[str, str, Node]]:
    """Give all definitions: their scope, name and node."""
    stack: list[tuple[Node, str]] = [] if tree.root is None else [(tree.root, "")]
    while stack:
        node, scope = stack.pop()
        inner = scope
        name = node.child_by_field_name("name") if node.type in _DEFINITIONS else None
        if name is not None:
            inner = f"{scope}/{text_of(name)}"
            yield scope, text_of(name), node
        elif node.type in ("block", "statement_block") and not _is_body(node):
            inner = f"{scope}/{node.start_byte}"  # a branch
        stack.extend((child, inner) for child in reversed(node.children))


def _is_decorated(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "decorated_definition"


def _is_body(node: Node) -> bool:
    return node.parent is not None and node.parent.type in _DEFINITIONS


def _label(node: Node) -> str:
    """Return the words that make a method another one than that of the same name."""
    return "".join(f"{text_of(each)} " for each in node.children if each.type in _ACCESSORS)
