"""The size of a change: an answer that runs on is refused, whatever it says."""

from itertools import groupby

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.text.lines import nonblank_lines

MAX_GROWTH = 8  # times the target's characters
FREE_CHARS = 4_000  # a change may add so much to any target
MAX_EQUAL_LINES = 8  # in a row: a small model repeats a line until its limit


def check_size(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the new text is many times the old one, or repeats one line."""
    old, new = change.old_target, change.new_target
    if _count_characters(new) > _count_characters(old) * MAX_GROWTH + FREE_CHARS:
        raise refuse(
            "is many times as long as the selected lines",
            Code.PROPOSAL_TOO_LARGE,
            "Your answer is far too long. Write only the changed code.",
        )
    if (count := _longest_run(new)) > max(MAX_EQUAL_LINES, _longest_run(old)):
        raise refuse(
            f"repeats one line {count} times",
            Code.PROPOSAL_TOO_LARGE,
            f"Your answer repeats one line {count} times. Write each line of the changed code once.",
        )


def _count_characters(text: str) -> int:
    """Return the number of characters that are not white space."""
    return len("".join(text.split()))


def _longest_run(text: str) -> int:
    """Return the length of the longest run of equal lines with a letter or a digit in them."""
    runs = groupby(line.strip() for line in nonblank_lines(text))
    return max((len(list(run)) for line, run in runs if any(map(str.isalnum, line))), default=0)
