"""Edits: ranges of a text, each with its new text.

The edits of one change all refer to the same old text and do not overlap, as LSP's TextEdits. `apply_edits`
makes them, `diff_texts` finds them, `rebase_edits` adapts them to text typed since.

`diff_texts` is minimal for the user: it leaves unchanged lines alone, and within a changed run it trims the
common beginning and end to whole words, so that an editor's cursor, marks and undo stay in place.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spark_lsp.errors import TextError
from spark_lsp.text.document import line_starts
from spark_lsp.text.line_diff import LineChange, LineDiff
from spark_lsp.text.lines import common_prefix_length

_WORD_TAIL = re.compile(r"\w+\Z")
_INSIDE_WORD = re.compile(r"\w\w")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace `[start, end)` (code points of the old text) by `new`."""

    start: int
    end: int
    new: str

    @property
    def growth(self) -> int:
        """The growth of the text in code points."""
        return len(self.new) - (self.end - self.start)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with all `edits` made.

    Raises `TextError` if one is reversed, outside the text or overlaps another.
    """
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits):
        if not done <= edit.start <= edit.end <= len(text):
            raise TextError("Two edits overlap, or one lies outside the text")
        pieces += (text[done : edit.start], edit.new)
        done = edit.end
    return "".join((*pieces, text[done:]))


def diff_texts(old: str, new: str, at: int = 0) -> list[Edit]:
    """Return the minimal edits that turn `old` into `new`; `at` is where `old` begins in its document."""
    growing = GrowingDiff(old, at)
    for line in split_lines(new):
        growing.add(line)
    return growing.finish()


class GrowingDiff:
    """The edits that turn `old` into a text whose lines arrive one after the other.

    `certain` contains the edits that no later line can change. The complete list, from `finish`, begins with
    them, and is the one that `diff_texts` returns. `at` is where `old` begins in its document.
    """

    def __init__(self, old: str, at: int = 0) -> None:
        self._old = old
        self._at = at
        lines = split_lines(old)
        self._starts = _line_offsets(lines)
        self._diff = LineDiff(lines)
        self.certain: list[Edit] = []

    def add(self, line: str) -> None:
        """Take the next complete line of the new text, with its line end if it has one."""
        self._diff.add(line)
        self._convert_settled()

    @property
    def growing(self) -> Edit | None:
        """The lines after the last certain edit that are certainly new, as an insertion.

        The edit that replaces it begins in the same line, and its new lines begin with these.
        """
        change = self._diff.unknown()
        return None if change is None else self._to_edit(change)

    def finish(self) -> list[Edit]:
        """Return all edits, after the last line."""
        self._diff.finish()
        self._convert_settled()
        return self.certain

    def _convert_settled(self) -> None:
        for change in self._diff.settled[len(self.certain) :]:
            self.certain.append(_trim_edit(self._old, self._to_edit(change), self._at))

    def _to_edit(self, change: LineChange) -> Edit:
        new = "".join(self._diff.new[change.new_first : change.new_last])
        start, end = self._starts[change.old_first], self._starts[change.old_last]
        return Edit(self._at + start, self._at + end, new)


def split_lines(text: str) -> list[str]:
    """Return the lines with their line ends; none of them is empty."""
    starts = line_starts(text)
    ends = [*starts[1:], len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True) if start < end]


def _line_offsets(lines: Sequence[str]) -> list[int]:
    """Return the offset at which each line begins, and that of the text's end."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return starts


def _trim_edit(old: str, edit: Edit, at: int) -> Edit:
    """Drop the text shared by old and new at both ends of `edit`, but never split a word or a line end.

    `old` begins at `at` in the document to which the edit refers.
    """
    was = old[edit.start - at : edit.end - at]
    head = _count_shared_words(was, edit.new)
    was = was[head:]
    new = edit.new[head:]
    tail = _count_shared_words(was[::-1], new[::-1])
    return Edit(edit.start + head, edit.end - tail, new[: len(new) - tail])


def _count_shared_words(was: str, new: str) -> int:
    """Return how many characters both texts begin with, up to a border between two words.

    Callers also pass reversed texts, for common ends.
    """
    count = common_prefix_length(was, new)
    if count == 0:
        return 0
    borders = {was[count - 1 : count + 1], new[count - 1 : count + 1]}
    if borders & {"\r\n", "\n\r"}:  # the second order occurs in a reversed text
        return count - 1
    if any(_INSIDE_WORD.fullmatch(border) for border in borders):
        tail = _WORD_TAIL.search(was[:count])
        return count - len(tail[0]) if tail else count
    return count


def rebase_edits(edits: Sequence[Edit], typed: Sequence[Edit]) -> list[Edit] | None:
    """Adapt `edits` to `typed`, successive changes to the same old text.

    Each of `typed` refers to the result of its predecessors. Returns None if one of them touches a range that
    `edits` change, or is inside it: the user's intent is then unknown.
    """
    moved = list(edits)
    for change in typed:
        shifted: list[Edit] = []
        for edit in moved:
            after_change = _shift_edit(edit, change)
            if after_change is None:
                return None
            shifted.append(after_change)
        moved = shifted
    return moved


def _shift_edit(edit: Edit, typed: Edit) -> Edit | None:
    """Return the edit in the text after `typed`, or None if `typed` touches its range."""
    if typed.end < edit.start:
        return Edit(edit.start + typed.growth, edit.end + typed.growth, edit.new)
    if typed.start > edit.end:
        return edit
    return None
