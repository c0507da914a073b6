"""Compares lines while the new ones arrive, and settles what no later line can change.

A difference is settled when the lines after it match the old text again: an *anchor*, a run of at least two
equal lines of which one occurs only once in the old text. An anchor that skips many old lines needs as many
equal lines, so a moved line or two never makes the lines between them look deleted. Between two anchors, and
after the last one, `SequenceMatcher` finds the differences. How the new lines were grouped on their way never
changes the result, because each line is added alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_MIN_ANCHOR = 2  # lines
_COMMON = 16  # a line that occurs more often never begins an anchor; this bounds the work for each line
_MAX_SEGMENT = 250_000  # pairs of lines that are compared before the end: milliseconds


@dataclass(frozen=True, slots=True)
class LineChange:
    """The old lines `[old_first, old_last)` become the new lines `[new_first, new_last)`."""

    old_first: int
    old_last: int
    new_first: int
    new_last: int


class LineDiff:
    """The differences between `old` and the lines of `new` so far; `settled` only grows at its end."""

    def __init__(self, old: Sequence[str]) -> None:
        self.old = old
        self.new: list[str] = []
        self.settled: list[LineChange] = []
        self._old_base = 0  # the lines before both bases are compared
        self._new_base = 0
        self._unknown = 0  # the lines after the new base that no old line equals
        self._runs: dict[int, tuple[int, bool]] = {}  # by their last old line: length, has a unique line
        self._places: dict[str, list[int]] = {}
        for number, line in enumerate(old):
            self._places.setdefault(line, []).append(number)
        self._counts = Counter(old)

    def add(self, line: str) -> None:
        """Take the next new line."""
        pending = len(self.new) - self._new_base
        self.new.append(line)
        if pending == 0 and self._old_base < len(self.old) and self.old[self._old_base] == line:
            self._move_bases(self._old_base + 1)
            return
        places = self._places.get(line)
        if self._unknown == pending and (places is None or places[-1] < self._old_base):
            self._unknown += 1
        self._extend_runs(line, places or [])
        for last, (length, has_unique) in self._runs.items():
            if has_unique and self._is_anchor(last, length):
                self._settle(last, length)
                return

    def unknown(self) -> LineChange | None:
        """Return the lines after the last settled one that are certainly new, as an insertion.

        The complete change begins with these lines; it may replace old lines and have more new ones.
        """
        if self._unknown == 0:
            return None
        return LineChange(self._old_base, self._old_base, self._new_base, self._new_base + self._unknown)

    def finish(self) -> list[LineChange]:
        """Return all differences, after the last line; do not call `add` afterwards."""
        self._compare(len(self.old), len(self.new))
        self._move_bases(len(self.old))
        return self.settled

    def _extend_runs(self, line: str, places: Sequence[int]) -> None:
        """Extend the runs of equal lines that end at the line before, and begin new ones."""
        is_unique = self._counts[line] == 1
        runs: dict[int, tuple[int, bool]] = {}
        if len(places) <= _COMMON:
            runs = {place: (1, is_unique) for place in places if place >= self._old_base}
        for last, (length, has_unique) in self._runs.items():
            if last + 1 < len(self.old) and self.old[last + 1] == line:
                runs[last + 1] = (length + 1, has_unique or is_unique)
        self._runs = runs

    def _is_anchor(self, last: int, length: int) -> bool:
        """Tell whether a run is long enough for the old lines that it skips."""
        old_lines = last + 1 - length - self._old_base
        new_lines = len(self.new) - length - self._new_base
        if old_lines * new_lines > _MAX_SEGMENT:
            return False
        return length >= max(_MIN_ANCHOR, old_lines - new_lines)

    def _settle(self, last: int, length: int) -> None:
        self._compare(last + 1 - length, len(self.new) - length)
        self._move_bases(last + 1)

    def _compare(self, old_end: int, new_end: int) -> None:
        """Settle the differences between the bases and two ends."""
        old, new = self.old[self._old_base : old_end], self.new[self._new_base : new_end]
        if not old and not new:
            return
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        for tag, old_first, old_last, new_first, new_last in matcher.get_opcodes():
            if tag != "equal":
                ends = (self._old_base + old_first, self._old_base + old_last)
                self.settled.append(LineChange(*ends, self._new_base + new_first, self._new_base + new_last))

    def _move_bases(self, old_base: int) -> None:
        self._old_base, self._new_base = old_base, len(self.new)
        self._unknown = 0
        self._runs = {}
