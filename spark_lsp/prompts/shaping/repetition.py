"""Answers that only repeat the lines around the cursor."""

import re
from difflib import SequenceMatcher

_NUMBER = re.compile(r"\d+")
_MIN_ALIKE_CHARS = 12  # shorter lines are alike only if they are equal


def are_alike(one: str, other: str) -> bool:
    """Tell whether two lines differ by at most one character or 5 %, the limits of other completion tools."""
    if one == other:
        return True
    allowed = max(1, len(one) // 20)
    if min(len(one), len(other)) < _MIN_ALIKE_CHARS or abs(len(one) - len(other)) > allowed:
        return False
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    matched = sum(block.size for block in blocks)
    return max(len(one), len(other)) - matched <= allowed


def is_next_of_series(above: str, line: str, below: str) -> bool:
    """Tell whether three different lines differ in their numbers only, such as the lines of a table."""
    if line in (above, below) or not _NUMBER.search(line):
        return False
    return _NUMBER.sub("0", above) == _NUMBER.sub("0", line) == _NUMBER.sub("0", below)


def may_become_alike(beginning: str, line: str) -> bool:
    """Tell whether a line that starts with `beginning` may still become alike to `line` (`are_alike`).

    Alike lines differ by a few characters on either side, so each beginning of an alike line lacks no more
    than that. A text that is shown before this is certain would vanish when its last characters arrive.
    """
    if line.startswith(beginning):
        return True
    # The growing line may be longer than `line`, and 5 % of it more characters: hence 19 and not 20.
    allowed = max(1, len(line) // 19)
    if len(line) < _MIN_ALIKE_CHARS - allowed or len(beginning) > len(line) + allowed:
        return False
    return _count_missing(beginning, line, allowed) <= allowed


def _count_missing(beginning: str, line: str, allowed: int) -> int:
    """Return how many characters of `beginning` are not in `line`, in order, near the same position.

    The result is exact up to `allowed`; beyond that it is only larger than `allowed`.
    """
    width = 2 * allowed + 1
    unreachable = len(beginning) + 1
    # `missing[shift]` is the result for two texts that are shifted by `shift - allowed` characters.
    missing = [0] * (width + 1)
    missing[width] = unreachable
    for at, char in enumerate(beginning):
        row = [unreachable] * (width + 1)
        for shift in range(width):
            other = at + shift - allowed
            if 0 <= other < len(line) and line[other] == char:
                row[shift] = missing[shift]
            row[shift] = min(row[shift], missing[shift + 1] + 1)
        for shift in range(1, width):  # a character of `line` that `beginning` lacks
            row[shift] = min(row[shift], row[shift - 1])
        missing = row
        if min(missing) > allowed:
            return unreachable  # most texts differ early
    return min(missing[:width])
