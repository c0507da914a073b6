"""The hunks of a proposed edit: open ones, applied ones, and those that the user's typing has dropped.

All ranges refer to the document's latest text. A hunk keeps its number when others are applied or dropped.
Pure.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from spark_lsp.text.edits import Edit, rebase_edits


@dataclass
class Hunks:
    """The hunks of one proposal.

    `inverses` has, for each applied hunk, the edit that undoes it. `dropped` has the hunks in whose range the
    user typed before they were applied, `typed_over` those in which the user typed afterwards.
    """

    open: dict[int, Edit] = field(default_factory=dict[int, Edit])
    dropped: list[int] = field(default_factory=list[int])
    inverses: dict[int, Edit] = field(default_factory=dict[int, Edit])
    typed_over: list[int] = field(default_factory=list[int])
    count: int = 0  # of all hunks so far
    _is_lost: bool = False
    _changes: list[Edit] = field(default_factory=list[Edit])  # of the document, since the edit's request
    _ours: list[Edit] = field(default_factory=list[Edit])  # `_changes`, if all of them are ours

    @property
    def applied(self) -> list[int]:
        """The numbers of the hunks that were applied."""
        return sorted([*self.inverses, *self.typed_over])

    def add(self, edits: Iterable[Edit]) -> None:
        """Add hunks; `edits` refer to the text at the time of the request."""
        for edit in edits:
            moved = self.rebase(edit)
            if moved is None:
                self.dropped.append(self.count)
            else:
                self.open[self.count] = moved
            self.count += 1

    def rebase(self, edit: Edit) -> Edit | None:
        """Return an edit of the text at the time of the request as one of the latest text.

        Return None if the user has typed in its range, or if the latest text cannot be compared.
        """
        if self._is_lost:
            return None
        moved = rebase_edits([edit], self._changes)
        return moved[0] if moved else None

    def clear(self) -> None:
        """Forget the open and dropped hunks: another proposal replaces this one."""
        self.open.clear()
        self.dropped.clear()
        if not self.applied:
            self.count = 0

    def follow(self, typed: Sequence[Edit]) -> None:
        """Follow changes that the user made."""
        self._ours.clear()
        self._changes += typed
        self.dropped += _shift(self.open, typed)
        self.typed_over += _shift(self.inverses, typed)

    def lose_history(self) -> None:
        """Drop all hunks, also later ones: the new text cannot be compared with the old one."""
        self._is_lost = True
        self.dropped += self.open
        self.open.clear()
        self.typed_over += self.inverses
        self.inverses.clear()

    def follow_applied(self, numbers: Collection[int], text: str) -> None:
        """Follow the change that applied some open hunks to `text`."""
        edits = sorted((self.open.pop(number), number) for number in numbers)
        self._follow_ours([edit for edit, _ in edits])
        growth = 0
        for edit, number in edits:
            start = edit.start + growth
            self.inverses[number] = Edit(start, start + len(edit.new), text[edit.start : edit.end])
            growth += edit.growth

    def count_as_applied(self, numbers: Iterable[int]) -> None:
        """Count hunks as applied, and as typed over: no one can tell the report of them from typing."""
        for number in numbers:
            if number in self.open or number in self.dropped:
                self.open.pop(number, None)
                self.dropped = [each for each in self.dropped if each != number]
                self.typed_over.append(number)

    def follow_undone(self) -> None:
        """Follow the change that undid all applied hunks in which the user did not type."""
        edits = sorted(self.inverses.values())
        self.inverses.clear()
        self._follow_ours(edits)
        if self._ours:  # the text is as it was before them
            del self._changes[-len(self._ours) :]
            self._ours.clear()

    def _follow_ours(self, edits: Sequence[Edit]) -> None:
        """Follow a change of ours, which consists of edits of the same text."""
        successive = edits[::-1]  # from the end, so that none moves the next
        self._ours = [*self._ours, *successive] if self._ours or not self._changes else []
        self._changes += successive
        self.dropped += _shift(self.open, successive)
        self.typed_over += _shift(self.inverses, successive)


def _shift(edits: dict[int, Edit], typed: Sequence[Edit]) -> list[int]:
    """Move edits to the text after `typed`; remove those that it touches, and return their numbers."""
    touched: list[int] = []
    for number, edit in list(edits.items()):
        moved = rebase_edits([edit], typed)
        if moved:
            edits[number] = moved[0]
        else:
            touched.append(number)
            del edits[number]
    return touched
