"""Counts the faults of an answer: wrong blocks, and names that nothing binds in it and in the lines below.

If the lines below use a name that nothing binds, the answer should probably bind it. The count compares two
answers to the same request.
"""

from spark_lsp.prompts.blocks import INDENTED_LANGUAGES, has_line_below_too_deep, makes_lines_unreachable
from spark_lsp.prompts.dead_code import makes_code_dead
from spark_lsp.prompts.names import UnresolvedName, find_unresolved
from spark_lsp.text.lines import find_line_end

_MAX_CHARS = 60_000  # of a document: the checks parse it twice, 3 ms for 12,000 characters
_LINES_BELOW = 15


def count_faults(before: str, answer: str, after: str, language: str) -> int:
    """Return how many names do not exist in an answer and in the lines below it, plus the faults of blocks.

    Names of languages that cannot be judged count as existing.
    """
    if not answer.strip():
        return 0
    faults = int(leaves_lines_dead(before, answer, after, language))
    faults += language in INDENTED_LANGUAGES and has_line_below_too_deep(before, answer, after)
    if len(before) + len(after) > _MAX_CHARS:
        return faults
    wrong = find_wrong_names(before, answer, after, language)
    below = find_unbound_below(before, answer, after, language)
    return faults + len({each.name for each in wrong}) + len({each.name for each in below})


def leaves_lines_dead(before: str, answer: str, after: str, language: str) -> bool:
    """Tell whether lines below can never run after an answer."""
    if len(before) + len(after) > _MAX_CHARS:
        return makes_lines_unreachable(before, answer, after)
    return makes_code_dead(before, answer, after, language)


def find_unbound_below(before: str, answer: str, after: str, language: str) -> tuple[UnresolvedName, ...]:
    """Return the names in the next lines below that nothing binds, not even the answer, in order.

    The answer's own uses of such a name do not excuse it.
    """
    if len(before) + len(after) > _MAX_CHARS:
        return ()
    start = find_line_end(after, 0)
    end = _find_end_of_lines(after, start, _LINES_BELOW)
    found = find_unresolved(before, answer + after[:end], after[end:], language)
    return tuple(each for each in found if not each.is_module and each.offset >= len(answer) + start)


def find_wrong_names(before: str, answer: str, after: str, language: str) -> tuple[UnresolvedName, ...]:
    """Return the names in an answer that do not exist; none of a document that is too long to judge."""
    if len(before) + len(after) > _MAX_CHARS:
        return ()
    return tuple(each for each in find_unresolved(before, answer, after, language) if not each.is_module)


def _find_end_of_lines(text: str, start: int, count: int) -> int:
    end = start
    for _ in range(count):
        if end >= len(text):
            break
        end = find_line_end(text, end + 1)
    return end
