"""Removes the surroundings that an answer repeats: models answer with the function around the selected lines.

Inserted as they are, such answers would duplicate code, often without an error. Lines are compared without
their indentation, because the answer may have another one, and blank lines do not count.
"""

from collections.abc import Sequence

from spark_lsp.text.document import Document
from spark_lsp.text.lines import LINE_END

_MAX_CHARS = 100_000  # of the document on each side


def trim_overlap(
    document: Document, start: int, end: int, new: str, *, brackets_count: bool = False
) -> str | None:
    """Return an answer for `[start, end)` without the lines directly around it, or None without such lines.

    `new` has line feeds. A run of repeated lines counts if the target does not have it at the same end
    itself, and if it holds more than brackets or `brackets_count`. The result is empty if the answer holds
    nothing else.
    """
    lines = new.strip("\n").split("\n")
    line_start = document.line_start(document.line_at(start))
    line_end = document.line_end(document.line_at(end))
    target = _strip_lines(document.text[start:end])
    above = _strip_lines(document.text[max(start - _MAX_CHARS, 0) : line_start])
    below = _strip_lines(document.text[line_end : end + _MAX_CHARS])
    places = [number for number, line in enumerate(lines) if line.strip()]
    stripped = [lines[number].strip() for number in places]
    first = _count_repeated(stripped, above[::-1], target, brackets_count=brackets_count)
    rest = stripped[first:][::-1]
    last = _count_repeated(rest, below, target[::-1], brackets_count=brackets_count)
    if not (first or last):
        return None
    if first + last == len(stripped):
        return ""
    return "\n".join(lines[places[first] : places[len(places) - 1 - last] + 1])


def repeats_line_above(document: Document, start: int, end: int, line: str) -> bool:
    """Tell whether an answer that begins with `line` may begin with lines above the target."""
    target = _strip_lines(document.text[start:end])
    if not _is_distinctive([line]) or target[:1] == [line.strip()]:
        return False
    return line.strip() in _strip_lines(document.text[max(start - _MAX_CHARS, 0) : start])


def _strip_lines(text: str) -> list[str]:
    return [line.strip() for line in LINE_END.split(text) if line.strip()]


def _count_repeated(
    lines: Sequence[str], around: Sequence[str], target: Sequence[str], *, brackets_count: bool
) -> int:
    """Return how many of the first `lines` are those `around` the target, the nearest of which is first.

    `lines` and `target` are in the order from this end of the answer. So the run ends with the nearest line.
    """
    for count in range(min(len(lines), len(around)), 0, -1):
        run = around[:count][::-1]
        if lines[:count] == run and target[:count] != run and (brackets_count or _is_distinctive(run)):
            return count
    return 0


def _is_distinctive(lines: Sequence[str]) -> bool:
    return any(character.isalnum() for line in lines for character in line)
