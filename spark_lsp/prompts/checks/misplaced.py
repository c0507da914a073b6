"""Statements in a place where the language forbids them, although its grammar accepts them there."""

from collections import Counter

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import text_of, walk
from spark_lsp.prompts.syntax import SyntaxTree

_FUNCTIONS = frozenset(
    {
        *("function_definition", "lambda", "function_declaration", "generator_function_declaration"),
        *("method_definition", "arrow_function", "function_expression", "generator_function"),
    }
)
_LOOPS = frozenset(("for_statement", "for_in_statement", "while_statement", "do_statement"))
_AWAITS = frozenset(("await", "await_expression"))
_ASYNC_BLOCKS = frozenset(("for_statement", "with_statement", "for_in_clause"))
_PLACES = {
    "await": "an `async` function",
    "return": "a function",
    "yield": "a function",
    "break": "a loop",
    "continue": "a loop",
}


def check_misplaced(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the change puts `await`, `return` or `break` where none may be."""
    if change.is_deep:
        return
    new = _count_misplaced(change.new_tree) - _count_misplaced(change.tree)
    for word in sorted(new):
        raise refuse(
            f"has `{word}` outside {_PLACES[word]}",
            Code.PROPOSAL_DOES_NOT_PARSE,
            f"`{word}` is only possible inside {_PLACES[word]}. Write the code again without this error.",
        )


def _count_misplaced(tree: SyntaxTree) -> Counter[str]:
    nodes = walk(tree.root) if tree.root is not None else ()
    return Counter(word for node in nodes if (word := _find_misplaced(node)))


def _find_misplaced(node: Node) -> str:
    """Return the word of a statement that must not be where it is, or nothing."""
    if node.type in _AWAITS or (node.type in _ASYNC_BLOCKS and _is_async(node)):
        function = _find_outer(node, _FUNCTIONS)
        return "" if function is None or _is_async(function) else "await"  # a notebook may await at its top
    if node.type in ("return_statement", "yield"):
        return (
            "" if _find_outer(node, _FUNCTIONS) is not None or not node.is_named else node.type.split("_")[0]
        )
    if node.type in ("break_statement", "continue_statement"):
        found = _find_outer(node, _FUNCTIONS | _LOOPS | {"switch_statement", "labeled_statement"})
        is_inside = found is not None and found.type not in _FUNCTIONS
        return "" if is_inside else node.type.split("_")[0]
    return ""


def _find_outer(node: Node, types: frozenset[str]) -> Node | None:
    at = node.parent
    while at is not None and at.type not in types:
        at = at.parent
    return at


def _is_async(node: Node) -> bool:
    return any(child.type == "async" or text_of(child) == "async" for child in node.children[:3])
