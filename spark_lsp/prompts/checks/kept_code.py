"""Code that every change must keep, unless the request allows to remove it."""

import re
from difflib import SequenceMatcher

from spark_lsp.codes import Code
from spark_lsp.prompts import fences
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.text.lines import LINE_END, nonblank_lines

_ELIDED = re.compile(
    r"^[^\S\r\n]*(?:#|//|--|/\*)[^\S\r\n]*"
    r"(?:\.\.\.|…|(?:the )?(?:rest|remainder) of|existing code|your code|same as (?:before|above))",
    re.MULTILINE | re.IGNORECASE,
)
_REMOVES = re.compile(r"\b(?:remove|delete|drop|simplify|shorten|inline|replace|strip)\b", re.IGNORECASE)
_CUTS = re.compile(
    r"\b(?:clean|combine|condense|convert|cut|dead|dedup\w*|duplicate|early|extract|keep|merge|move|only"
    r"|redundant|refactor|rewrite|split|summari[sz]e|take out|trim|truncate|unnecessary|unreachable|unused"
    r"|until|without)\b",
    re.IGNORECASE,
)
_REPLACES = re.compile(r"\b(?:avoid|convert|instead of|no longer|rename|use of)\b", re.IGNORECASE)
_SHRINKING = ("simplify", "optimise")  # actions that may remove code
MAX_LINES_LEFT_OUT = 2  # or a fifth of the target if that is more: fewer lines may go from the target's end
MIN_KEPT_SHARE = 0.4  # of the target's code, unless the instruction allows to remove code
_STATEMENT = re.compile(
    r"(?!(?:else|end|fi|done|begin|do|then|finally|esac|try)\b)\b[^\W_]"
)  # not only brackets
_MIN_CODE_CHARS = 40  # shorter code may shrink


def check_kept_code(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the target's new text leaves out code that it should keep."""
    old, new = change.old_target, change.new_target
    if _ELIDED.search(new) and not _ELIDED.search(old):
        raise refuse(
            "leaves code out with a comment in its place",
            Code.PROPOSAL_REMOVES_CODE,
            "Your answer leaves code out. Write all lines of the changed code, without a placeholder.",
        )
    may_remove = change.action in _SHRINKING or _REMOVES.search(change.instruction_words)
    if _removes_most_code(old, new) and not may_remove:
        raise refuse(
            "removes most of the code",
            Code.PROPOSAL_REMOVES_CODE,
            "Your answer removes most of the code. Write all lines, and make only the requested change.",
        )
    may_cut = may_remove or _REMOVES.search(change.request_words) or _CUTS.search(change.request_words)
    if not may_cut and (count := count_lines_left_out(old, new)):
        raise refuse(
            f"leaves out the last {count} lines",
            Code.PROPOSAL_REMOVES_CODE,
            f"Your answer leaves out the last {count} lines. Write all lines of the changed code.",
        )
    _check_fences(old, new)


def allows_removal(change: ProposedChange) -> bool:
    """Tell whether the instruction names code that the new text of a single line should lack."""
    words = change.request_words
    return change.action in _SHRINKING or any(each.search(words) for each in (_REMOVES, _REPLACES))


def _check_fences(old: str, new: str) -> None:
    old_fences = fences.find_fences(LINE_END.split(old))
    new_fences = fences.find_fences(LINE_END.split(new))
    was_closed = old_fences and not fences.ends_inside_block(old_fences)
    if was_closed and fences.ends_inside_block(new_fences):
        raise refuse(
            "does not close a code block",
            Code.PROPOSAL_DOES_NOT_PARSE,
            "Your answer does not close a code block of the text. Close each one that it opens.",
        )


def count_lines_left_out(old: str, new: str) -> int:
    """Return how many lines at the end of `old`, apart from blank ones, are missing from `new`.

    They are missing if `new` ends with a line from the middle of `old`, with no replacement for the rest.
    Return 0 for fewer lines than `MAX_LINES_LEFT_OUT`, and if `new` has all their statements elsewhere.
    """
    old_lines = nonblank_lines(old)
    new_lines = nonblank_lines(new)
    changes = SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes()
    if not changes:
        return 0
    tag, first, last, _, _ = changes[-1]
    if tag != "delete" or first == 0:
        return 0
    kept = {line.strip() for line in new_lines}
    if all(line.strip() in kept for line in old_lines[first:last] if _STATEMENT.search(line)):
        return 0
    count = last - first
    return count if count >= max(MAX_LINES_LEFT_OUT, len(old_lines) // 5) else 0


def _removes_most_code(old: str, new: str) -> bool:
    """Compare the numbers of characters that are not white space."""
    old_size = len("".join(old.split()))
    new_size = len("".join(new.split()))
    return old_size > _MIN_CODE_CHARS and new_size < old_size * MIN_KEPT_SHARE
