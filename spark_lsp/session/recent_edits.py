"""The user's recent edits, as small diffs.

Edits at one place within a short time are one *hunk*: it has the lines as they were before the first edit and
as they are now. A hunk follows later changes of its document. All texts are those without secrets, which the
gateway has anyway.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

MAX_HUNKS = 8
MAX_HUNK_CHARS = 1_500  # before and after together; larger changes, such as a paste, are no hint
MAX_AGE_SECONDS = 1_800.0
JOIN_SECONDS = 60.0  # between two edits of one hunk
JOIN_LINES = 2  # between the lines of two edits of one hunk
_CONTEXT_LINES = 1


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place that was edited: the lines `[start, end)` of the current text; `old` is their former text.

    `line` is the number of its first line, counted from 0, at the last edit.
    """

    uri: str
    start: int
    end: int
    old: str
    new: str
    line: int
    at: float

    @property
    def is_change(self) -> bool:
        """Whether its text differs from the one before the first edit."""
        return self.old != self.new


class RecentEdits:
    """The hunks of all documents, the newest last."""

    def __init__(self) -> None:
        self._hunks: list[Hunk] = []

    def note(self, old: Document, new: Document, edits: Sequence[Edit], now: float) -> None:
        """Include a change that led from `old` to `new`; each edit refers to the result of the one before."""
        if not edits:
            return
        start, end, growth = _changed_range(edits)
        change = _lines_around(old, start, end, now)
        own = [hunk for hunk in self._hunks if hunk.uri == old.uri]
        joined: list[Hunk] = []
        while touching := [hunk for hunk in own if _touches(hunk, change, old, now)]:
            joined += touching  # a hunk that grows may touch another one
            own = [hunk for hunk in own if hunk not in touching]
            first = min(hunk.start for hunk in (change, *joined))
            change = replace(change, start=first, end=max(hunk.end for hunk in (change, *joined)))
        change = replace(change, old=_undo(old, change, joined))
        moved = [_shift_hunk(hunk, growth) if hunk.start >= change.end else hunk for hunk in own]
        text = new.text[change.start : change.end + growth]
        change = replace(change, end=change.end + growth, new=text, line=new.line_at(change.start))
        others = [hunk for hunk in self._hunks if hunk.uri != old.uri]
        kept = sorted([*others, *moved], key=lambda hunk: hunk.at)
        if len(change.old) + len(change.new) <= MAX_HUNK_CHARS:
            kept.append(change)
        self._hunks = kept[-MAX_HUNKS:]

    def forget_places(self, uri: str) -> None:
        """Note that a document's text has changed in an unknown way: its hunks are dropped."""
        self._hunks = [hunk for hunk in self._hunks if hunk.uri != uri]

    def clear(self) -> None:
        """Forget all edits."""
        self._hunks = []

    def list_hunks(self, now: float) -> list[Hunk]:
        """Return the hunks that are changes and not too old, the newest first."""
        return [hunk for hunk in reversed(self._hunks) if hunk.is_change and now - hunk.at <= MAX_AGE_SECONDS]


def render_hunk(hunk: Hunk, title: str) -> str:
    """Return a hunk as a unified diff of the file `title`, without a line end."""
    before, after = hunk.old.splitlines(), hunk.new.splitlines()
    lines = list(difflib.unified_diff(before, after, title, title, n=_CONTEXT_LINES, lineterm=""))
    return "\n".join(_with_true_line(line, hunk.line) for line in lines[2:])


def _with_true_line(line: str, first: int) -> str:
    """Return a line of a diff; a header refers to the lines of the file, not to those of the hunk."""
    if not line.startswith("@@ -"):
        return line
    was, now = line[4:].split(" @@", 1)[0].split(" +")
    return f"@@ -{_shift(was, first)} +{_shift(now, first)} @@"


def _shift(lines: str, first: int) -> str:
    start, comma, count = lines.partition(",")
    return f"{int(start) + first}{comma}{count}"


def _changed_range(edits: Sequence[Edit]) -> tuple[int, int, int]:
    """Return the range `[start, end)` of the old text that the edits changed, and its growth."""
    start, end, growth = edits[0].start, edits[0].end, 0
    for edit in edits:
        start = min(start, edit.start)
        end = max(end, edit.end - growth)
        growth += edit.growth
    return start, end, growth


def _lines_around(document: Document, start: int, end: int, now: float) -> Hunk:
    """Return a hunk over the complete lines of a range, as they are before the change."""
    first = document.line_start(document.line_at(start))
    last = document.line_start(document.line_at(min(end, len(document))) + 1)
    return Hunk(document.uri, first, last, "", "", 0, now)


def _shift_hunk(hunk: Hunk, growth: int) -> Hunk:
    return replace(hunk, start=hunk.start + growth, end=hunk.end + growth)


def _touches(hunk: Hunk, other: Hunk, document: Document, now: float) -> bool:
    """Tell whether a change belongs to a hunk: it overlaps it, or is near it in time and place."""
    if hunk.start < other.end and other.start < hunk.end:
        return True
    if now - hunk.at > JOIN_SECONDS:
        return hunk.start == other.start or hunk.end == other.end
    above, below = (hunk, other) if hunk.start <= other.start else (other, hunk)
    return document.line_at(below.start) - document.line_at(above.end) <= JOIN_LINES


def _undo(document: Document, lines: Hunk, hunks: list[Hunk]) -> str:
    """Return the text of lines before the changes of the hunks in them, which do not overlap."""
    pieces: list[str] = []
    at = lines.start
    for hunk in sorted(hunks, key=lambda each: (each.start, each.end)):
        pieces += (document.text[at : hunk.start], hunk.old)
        at = hunk.end
    return "".join((*pieces, document.text[at : lines.end]))
