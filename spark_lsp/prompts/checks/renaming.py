"""Renames by a model: the tokens stay, except that one name became another one, in all places."""

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse


def check_rename(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if more than one name has changed. Languages without a grammar: no check."""
    old, new = change.tree.code_tokens(), change.new_tree.code_tokens()
    if old is None or new is None:
        return
    pairs = {(one, other) for one, other in zip(old, new, strict=False) if one != other}
    is_one_name = len(old) == len(new) and len(pairs) <= 1
    if is_one_name and all(one.isidentifier() and other.isidentifier() for one, other in pairs):
        return
    raise refuse(
        "changed more than one name",
        Code.PROPOSAL_CHANGES_CODE,
        "Your answer changes more than the one name. Replace only that name and keep all other code.",
    )
