"""Changes that only delete: a call for its effect is no decoration that may go."""

import re
from difflib import SequenceMatcher

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.text.lines import nonblank_lines

_CALL = re.compile(
    r"(?:await\s+)?(?!(?:if|for|while|switch|return|print|console|log|catch|elsif|until)\b)"
    r"[^\W\d][\w.:>\-]*\s*\(.*\)\s*;?"
)
_DELETES = re.compile(
    r"\b(?:remove|delete|drop|strip|no longer|without|unused|dead|do not|don't|stop|avoid|leave out)\b",
    re.IGNORECASE,
)


def check_deletions(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the change only deletes, a call among others, and nothing asks for that.

    A deleted call is allowed if the same line is still there, as after the merge of two equal branches.
    """
    if change.action not in ("instruct", "simplify", "optimise") or _DELETES.search(change.request_words):
        return
    old = [line.strip() for line in nonblank_lines(change.old_target)]
    new = [line.strip() for line in nonblank_lines(change.new_target)]
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if any(tag in ("insert", "replace") for tag, *_ in opcodes):
        return
    deleted = [line for tag, first, last, _, _ in opcodes if tag == "delete" for line in old[first:last]]
    lost = [line for line in deleted if line not in new and _CALL.fullmatch(line)]
    if lost:
        raise refuse(
            "only deletes code that still has an effect",
            Code.PROPOSAL_REMOVES_CODE,
            f"Your answer only deletes `{lost[0][:60]}`, which has an effect. Keep what the code does.",
        )
