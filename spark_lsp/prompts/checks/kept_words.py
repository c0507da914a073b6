"""Lines that a model filled in: they keep the words of the lines before, unless the request removes some."""

import re

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.kept_code import allows_removal
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.stubs import is_placeholder

_WORD = re.compile(r"[^\W\d]\w*|[^\x00-\x7f]")  # a name, or a sign such as `€` in a text


def check_kept_words(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the new text lacks a word of the old one, such as a call or a condition.

    A model that fills in a hole was not asked to change given lines, so it may write fewer. The body of a
    stub has nothing to keep, and the words of a diagnostic may be wrong.
    """
    if is_placeholder(change.old_target) or allows_removal(change):
        return
    messages = (each.message for each in change.diagnostics)
    kept = {word for text in (change.new_target, *messages) for word in _WORD.findall(text)}
    if any(word not in kept for word in _WORD.findall(change.old_target)):
        raise refuse(
            "removes code that the instruction does not name",
            Code.PROPOSAL_REMOVES_CODE,
            "Your answer removes code. Keep it, and make only the requested change.",
        )
