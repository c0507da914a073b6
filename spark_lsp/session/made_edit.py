"""One edit that was made in a document, followed through later changes, so that it can be undone.

The editor reports an edit as it reports typing: as changes, one after another, perhaps together with typed
text or as the full text. The edit has *landed* when a text was seen that is exactly the expected one. From
then on each change moves the edit's ranges. A range that later text touches grows around that text; it then
no longer contains the edit's own text, and the edit cannot be undone until it does again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.text.edits import Edit, apply_edits, diff_texts
from spark_lsp.text.lines import common_prefix_length, common_suffix_length


@dataclass(frozen=True, slots=True)
class Hunk:
    """One replacement that was made: `[start, end)` of the present text had `old` before, and got `new`."""

    start: int
    end: int
    old: str
    new: str


def move_range(start: int, end: int, change: Edit) -> tuple[int, int]:
    """Return where `[start, end)` is after a change.

    Text inserted at the border of a range is outside of it; an empty range grows around text inserted there.
    """
    if change.end <= start and not start == end == change.end:
        return start + change.growth, end + change.growth
    if change.start >= end and not start == end == change.start:
        return start, end
    return min(start, change.start), max(end, change.end) + change.growth


def _move_hunk(hunk: Hunk, change: Edit) -> Hunk:
    return Hunk(*move_range(hunk.start, hunk.end, change), hunk.old, hunk.new)


def _list_hunks(text: str, edits: Sequence[Edit]) -> list[Hunk]:
    """Return the hunks that edits of `text` leave in its result."""
    hunks: list[Hunk] = []
    grown = 0
    for edit in sorted(edits):
        start = edit.start + grown
        hunks.append(Hunk(start, start + len(edit.new), text[edit.start : edit.end], edit.new))
        grown += edit.growth
    return hunks


class MadeEdit:
    """See the module's text. `text` is the document before the edit, `target` the range of the request.

    `extend` adds further edits to one that was made: the hunks that the user accepts one after another are
    one edit, which is undone as one.
    """

    def __init__(self, text: str, edits: Sequence[Edit], target: tuple[int, int]) -> None:
        self.target = target
        self.hunks: list[Hunk] = []
        self.landed = True
        self._text = text  # as last seen; the expected one from the landing on
        self._answer = target
        self._is_confirmed = False
        self._expect(text, edits)

    @property
    def answer(self) -> tuple[int, int]:
        """The range of `expected` that the target became."""
        return self._answer

    def extend(self, text: str, edits: Sequence[Edit]) -> None:
        """Follow further edits of `text`, which belong to this edit and do not overlap its hunks."""
        self.catch_up(text)
        self._expect(text, edits)

    def _expect(self, text: str, edits: Sequence[Edit]) -> None:
        """Expect the text after `edits`. Until it is seen, `hunks` and `target` are those without them."""
        self.expected = apply_edits(text, edits)
        self.landed = not edits
        self._is_confirmed = False
        hunks, self._answer = self.hunks, self.target
        for edit in sorted(edits, reverse=True):
            hunks = [_move_hunk(each, edit) for each in hunks]
            self._answer = move_range(*self._answer, edit)
        self._expected_hunks = sorted([*hunks, *_list_hunks(text, edits)], key=lambda hunk: hunk.start)

    def follow(self, text: str, changes: Sequence[Edit]) -> None:
        """Follow the changes, made one after another, that led to `text`."""
        for index, change in enumerate(changes):
            is_last = index == len(changes) - 1
            after = text if is_last else apply_edits(self._text, [change])
            self._move(change, after)
            self._text = after
            if not self.landed and after == self.expected:
                self._land()

    def _land(self) -> None:
        self.landed = True
        self._text, self.hunks, self.target = self.expected, self._expected_hunks, self._answer

    def confirm(self) -> None:
        """Note that the editor has made the edit; its change may be reported later."""
        self._is_confirmed = True

    def withdraw(self) -> None:
        """Note that the editor has refused the latest edits; those before them stay."""
        self.landed = True

    def catch_up(self, text: str) -> None:
        """Follow changes that were not reported, such as those of a document that was reopened."""
        if self._is_confirmed and not self.landed:  # it came in one change with other text
            self._land()
        if text != self._text:
            self._move(Edit(0, len(self._text), text), text)
            self._text = text

    def _move(self, change: Edit, after: str) -> None:
        for each in _narrow(self._text, change, after):
            self.hunks = [_move_hunk(hunk, each) for hunk in self.hunks]
            self.target = move_range(*self.target, each)

    def make_undo(self, text: str) -> list[Edit] | None:
        """Return the edits of `text` that undo this one; None if something was typed over it."""
        self.catch_up(text)
        if not self.landed or any(text[hunk.start : hunk.end] != hunk.new for hunk in self.hunks):
            return None
        return [Edit(hunk.start, hunk.end, hunk.old) for hunk in self.hunks]


def _narrow(before: str, change: Edit, after: str) -> list[Edit]:
    """Return a change as minimal ones, the last first, if it replaces the full text: it says nothing else."""
    if change.start or change.end != len(before):
        return [change]
    head = common_prefix_length(before, after)
    tail = common_suffix_length(before[head:], after[head:])
    edits = diff_texts(before[head : len(before) - tail], after[head : len(after) - tail], head)
    return sorted(edits, reverse=True)
