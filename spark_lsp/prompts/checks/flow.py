"""What the code still does after a change: results, parameters and the lines below a `return`."""

import re

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.functions import list_functions
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import walk
from spark_lsp.prompts.syntax import SyntaxTree

_LEAVES = frozenset(
    {
        *("return_statement", "raise_statement", "throw_statement", "break_statement", "continue_statement"),
    }
)
_HOISTED = frozenset(
    {
        *("comment", "function_declaration", "generator_function_declaration", "class_declaration"),
        "empty_statement",
    }
)
_INSTEAD = re.compile(
    r"\b(?:instead|remove|delete|drop|ignore|without|no longer|always|constant|print|only|unused)\b",
    re.IGNORECASE,
)


def check_flow(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if code becomes unreachable, or a function loses a result or a parameter's use.

    An instruction that takes something away allows the last two.
    """
    if _count_unreachable(change.new_tree) > _count_unreachable(change.tree):
        raise refuse(
            "makes other code unreachable",
            Code.PROPOSAL_UNREACHABLE_CODE,
            "Code below a `return`, `raise`, `break` or `continue` of your answer can never run. "
            "Write the code again so that all of it can run.",
        )
    if _INSTEAD.search(change.request_words):
        return
    new = {each.name: each for each in list_functions(change.new_tree, change.start, change.new_end)}
    for old in list_functions(change.tree, change.start, change.end):
        found = new.get(old.name)
        if found is None:
            continue
        if old.has_result and not found.has_result:
            raise refuse(
                f"takes the result from {old.name!r}",
                Code.PROPOSAL_CHANGES_INTERFACE,
                f"`{old.name}` must still return its result, but your code returns nothing.",
            )
        unused = sorted((old.used_parameters() & found.parameters()) - found.used_parameters())
        if unused:
            raise refuse(
                f"no longer uses the parameter {unused[0]!r}",
                Code.PROPOSAL_CHANGES_INTERFACE,
                f"Your code no longer uses the parameter `{unused[0]}` of `{old.name}`. Use it as before.",
            )


def _count_unreachable(tree: SyntaxTree) -> int:
    """Return how many blocks have a statement that can never run."""
    blocks = walk(tree.root) if tree.root is not None else ()
    return sum(_has_unreachable(block) for block in blocks if block.type in ("block", "statement_block"))


def _has_unreachable(block: Node) -> bool:
    statements = [node for node in block.named_children if node.type not in _HOISTED]
    return any(node.type in _LEAVES for node in statements[:-1])
