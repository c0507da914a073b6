"""Loops: each one can still run more than once after a change."""

import re

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.leaving import always_leaves, has_continue
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import walk
from spark_lsp.prompts.syntax import SyntaxTree

_LOOPS = frozenset(("for_statement", "for_in_statement", "while_statement", "do_statement"))
_ONE_ROUND = re.compile(r"\b(?:first|once|single|only|any|stop|break|one)\b", re.IGNORECASE)


def check_loops(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if every path through a loop's body now leaves the loop."""
    if change.is_deep or _ONE_ROUND.search(change.request_words):
        return
    if _count_single_rounds(change.new_tree) > _count_single_rounds(change.tree):
        raise refuse(
            "makes a loop end in its first round",
            Code.PROPOSAL_UNREACHABLE_CODE,
            "Every path through the loop of your answer leaves it, so it never runs again. "
            "Leave the loop only under the condition that the change is about.",
        )


def _count_single_rounds(tree: SyntaxTree) -> int:
    loops = (node for node in walk(tree.root) if node.type in _LOOPS) if tree.root is not None else ()
    bodies = (loop.child_by_field_name("body") for loop in loops)
    return sum(body is not None and always_leaves(body) and not has_continue(body) for body in bodies)
