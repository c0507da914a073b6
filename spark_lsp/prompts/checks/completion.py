"""Completing a body: everything outside of the body stays."""

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse
from spark_lsp.prompts.stubs import is_placeholder


def check_completion(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if edits lie outside the body of the definition, its docstring included.

    Without a body on lines below the head, the first line of the target must stay. The new body must be more
    than a placeholder.
    """
    if is_placeholder(change.new_target):
        raise ProposalRefused(
            "The model proposed no body",
            code=Code.NO_CHANGE,
            objection="Your answer is only a placeholder. Write the body of the function.",
        )
    body = _find_body(change)
    if any(edit.start < body for edit in change.edits):
        raise refuse(
            "changed code outside the body",
            Code.PROPOSAL_OUTSIDE,
            "Your answer changes the head of the definition. Keep it, and write only the body.",
        )


def _find_body(change: ProposedChange) -> int:
    """Return the offset at which the changeable part of the body begins."""
    definition = change.tree.definition_at(change.start)
    if definition is not None and definition.start < change.start:
        return change.start  # the target is the body alone
    first_line_end = change.document.line_end(change.document.line_at(change.start))
    if definition is None or definition.body is None:
        return first_line_end
    return definition.docstring[1] if definition.docstring is not None else definition.body
