"""Edits: ranges of a text, each with its new text.

The edits of one change all refer to the same old text and do not overlap, as LSP's TextEdits. `apply`
makes them, `diff` finds them, `rebase` adapts them to text typed since.

`diff` is minimal for the user: it leaves unchanged lines alone, and within a changed run it trims the common
beginning and end to whole words, so that an editor's cursor, marks and undo stay in place.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from spark_lsp.errors import TextError
from spark_lsp.text.document import line_starts

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


def apply(text: str, edits: Iterable[Edit]) -> str:
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


def diff(old: str, new: str, at: int = 0) -> list[Edit]:
    """Return the minimal edits that turn `old` into `new`; `at` is where `old` begins in its document."""
    old_lines, new_lines = _lines(old), _lines(new)
    matcher = SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    old_starts, new_starts = _starts(old_lines), _starts(new_lines)
    return [
        _trimmed(old, Edit(old_starts[a], old_starts[b], new[new_starts[c] : new_starts[d]]), at)
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]


def _lines(text: str) -> list[str]:
    starts = line_starts(text)
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True) if a < b]


def _starts(lines: Sequence[str]) -> list[int]:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return starts


def _trimmed(old: str, edit: Edit, at: int) -> Edit:
    """Drop the text shared by old and new at both ends of `edit`, but never split a word or a line end."""
    was, new = old[edit.start : edit.end], edit.new
    head = _whole(was, new, _common(was, new))
    was, new = was[head:], new[head:]
    tail = _whole(was[::-1], new[::-1], _common(was[::-1], new[::-1]))
    start, end = edit.start + head, edit.end - tail
    return Edit(at + start, at + end, new[: len(new) - tail])


def _whole(was: str, new: str, count: int) -> int:
    """Shorten a common beginning of `count` characters so that it ends between two words.

    It also serves for common ends, on reversed texts; hence both orders of a carriage return and a line feed.
    """
    borders = {text[count - 1 : count + 1] for text in (was, new)} if count else set[str]()
    if borders & {"\r\n", "\n\r"}:
        return count - 1
    if any(_INSIDE_WORD.fullmatch(border) for border in borders):
        match = _WORD_TAIL.search(was[:count])
        return count - len(match[0]) if match else count
    return count


def _common(left: str, right: str) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count


def rebase(edits: Sequence[Edit], typed: Sequence[Edit]) -> list[Edit] | None:
    """Adapt `edits` to `typed`, successive changes to the same old text.

    Each of `typed` refers to the result of its predecessors. Returns None if one of them touches a range that
    `edits` change, or is inside it: the user's intent is then unknown.
    """
    moved = list(edits)
    for change in typed:
        carried = [_carried(edit, change) for edit in moved]
        if None in carried:
            return None
        moved = [edit for edit in carried if edit is not None]
    return moved


def _carried(edit: Edit, typed: Edit) -> Edit | None:
    if typed.end < edit.start:
        return Edit(edit.start + typed.growth, edit.end + typed.growth, edit.new)
    if typed.start > edit.end:
        return edit
    return None
