"""Finds the continuation of a text at a cursor in another version of that text. No I/O.

A replay uses it to play a file's own text to a user who types that file, perhaps with differences.
"""

_LINES_BEFORE = 12  # that may differ from the other version
_MIN_CHARACTERS = 3  # of a line by which its place is found


def find_continuation(text: str, prefix: str) -> str:
    """Return the part of `text` after the position that corresponds to the end of `prefix`, or nothing.

    The line is found by the lines before it. If those differ, it is the same number of lines after the last
    line that occurs in the text. If the cursor's line differs too, the column is the same.
    """
    lines = text.splitlines(keepends=True)
    *before, last = f"{prefix}\0".splitlines(keepends=True)
    number = _find_line(lines, before)
    if number is None or number >= len(lines):
        return ""
    last = last[:-1]
    if lines[number].startswith(last):
        return "".join(lines[number:])[len(last) :]
    rest = lines[number].rstrip("\r\n")[len(last) :]
    return rest + "".join([lines[number][len(lines[number].rstrip("\r\n")) :], *lines[number + 1 :]])


def _find_line(lines: list[str], before: list[str]) -> int | None:
    """Return the number of the line that follows `before`."""
    if not before:
        return 0
    for back in range(min(len(before), _LINES_BEFORE)):
        index = len(before) - 1 - back
        known = before[index]
        if len(known.strip()) < _MIN_CHARACTERS:
            continue
        found = [number for number, line in enumerate(lines) if line == known]
        if found:
            context = before[max(0, index - 2) : index]
            best = max(found, key=lambda number: _count_equal(lines, number, context, index))
            return best + back + 1
    return None


def _count_equal(lines: list[str], number: int, context: list[str], index: int) -> tuple[int, int]:
    """Return how well the lines before line `number` agree with `context`, which is near line `index`."""
    equal = sum(one == other for one, other in zip(reversed(lines[:number]), reversed(context), strict=False))
    return equal, -abs(number - index)
