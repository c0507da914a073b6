"""Simplifying and optimising: signatures, results and the names that other code uses stay."""

from collections.abc import Iterator

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import text_of
from spark_lsp.prompts.syntax import SyntaxTree

_FUNCTIONS = frozenset(
    {
        *("function_definition", "function_declaration", "generator_function_declaration"),
        "method_definition",
    }
)
_NESTED = _FUNCTIONS | frozenset(("lambda", "arrow_function", "function_expression"))
_RESULTS = frozenset(("return_statement", "yield"))


def check_interface(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a function of the target has another signature, or no longer a result.

    Functions inside functions may change. Languages without a grammar have no check.
    """
    old = dict(_list_functions(change.tree, change.start, change.end))
    new = dict(_list_functions(change.new_tree, change.start, change.new_end))
    for name, (head, has_result) in old.items():
        found = new.get(name)
        if found is None or found[0] != head:
            raise refuse(
                f"changed the signature of {name!r}",
                Code.PROPOSAL_CHANGES_INTERFACE,
                f"Keep `{name}` and its signature as they are, because other code uses them: {head}",
            )
        if has_result and not found[1]:
            raise refuse(
                f"takes the result from {name!r}",
                Code.PROPOSAL_CHANGES_INTERFACE,
                f"`{name}` must return the same result as before, but your code returns nothing.",
            )


def _list_functions(tree: SyntaxTree, start: int, end: int) -> Iterator[tuple[str, tuple[str, bool]]]:
    """Give the functions within `[start, end)` outside others: the name, its head, whether it has results."""
    if tree.root is None:
        return
    first, last = tree.byte_of(start), tree.byte_of(end)
    stack: list[tuple[Node, str]] = [(tree.root, "")]
    while stack:
        node, scope = stack.pop()
        if node.end_byte <= first or node.start_byte >= last:
            continue
        name = node.child_by_field_name("name")
        if node.type in _FUNCTIONS and name is not None and node.start_byte >= first:
            yield f"{scope}{text_of(name)}", (_head_of(node), _has_result(node))
            continue
        inner = f"{scope}{text_of(name)}." if name is not None and "class" in node.type else scope
        stack.extend((child, inner) for child in reversed(node.children))


def _head_of(node: Node) -> str:
    """Return the text of a function before its body, with single spaces."""
    body = node.child_by_field_name("body")
    source = node.text or b""
    end = len(source) if body is None else body.start_byte - node.start_byte
    head = source[:end].decode("utf-8", "replace")
    return " ".join("".join(line.split("#")[0] for line in head.splitlines()).split())


def _has_result(function: Node) -> bool:
    """Tell whether a function returns or yields a value; functions inside it do not count."""
    stack = list(function.children)
    while stack:
        node = stack.pop()
        if node.type in _RESULTS and node.named_children:
            return True
        if node.type not in _NESTED:
            stack.extend(node.children)
    return False
