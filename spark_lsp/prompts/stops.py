"""Stop strings: a text ends before the first of them, also if one is spread over several pieces."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class StopFilter:
    """Passes on a text up to the first of the `stops`, which is left out.

    The end of a piece that may begin a stop string is held back until the next piece decides. `found` tells
    whether the text has ended.
    """

    stops: tuple[str, ...] = ()
    found: bool = False
    _held: str = field(default="", repr=False)

    def feed(self, text: str) -> str:
        """Take the next piece and return the part that certainly belongs to the text."""
        if self.found:
            return ""
        text = self._held + text
        self._held = ""
        at = find_first(text, self.stops)
        if at is not None:
            self.found = True
            return text[:at]
        kept = self._count_undecided(text)
        if kept:
            self._held = text[-kept:]
            return text[:-kept]
        return text

    def finish(self) -> str:
        """Return the text that was held back: no stop string can follow any more."""
        held = self._held
        self._held = ""
        return held

    def _count_undecided(self, text: str) -> int:
        """Return the length of the longest end of `text` with which a stop string begins."""
        longest = max(map(len, self.stops), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            end = text[-size:]
            if any(stop.startswith(end) for stop in self.stops):
                return size
        return 0


def find_first(text: str, stops: Iterable[str]) -> int | None:
    """Return the offset of the stop string that is complete first in `text`, or None."""
    found = ((at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0)
    _, at = min(found, default=(0, None))
    return at
