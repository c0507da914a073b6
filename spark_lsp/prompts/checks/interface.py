"""Simplifying and optimising: the signatures of the target's functions stay."""

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.functions import list_functions
from spark_lsp.prompts.checks.refusal import refuse


def check_interface(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a function of the target is gone or has another signature.

    Functions inside functions may change. Languages without a grammar have no check.
    """
    new = {each.name: each.head for each in list_functions(change.new_tree, change.start, change.new_end)}
    for each in list_functions(change.tree, change.start, change.end):
        if new.get(each.name) != each.head:
            raise refuse(
                f"changed the signature of {each.name!r}",
                Code.PROPOSAL_CHANGES_INTERFACE,
                f"Keep `{each.name}` and its signature, because other code uses them: {each.head}",
            )
