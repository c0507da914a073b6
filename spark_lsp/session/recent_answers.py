"""The complete answers of the last minutes for one document, for a user who goes back to a text.

An answer fits only its own text and cursor, and those after its first letters were typed. To compare texts of
any size in microseconds, an answer keeps the lengths of the text before and after its cursor, and hashes of
their nearest characters.
"""

from collections import deque
from dataclasses import dataclass

from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

KEPT_SECONDS = 300.0
KEPT_ANSWERS = 16
NEAR_CHARACTERS = 8_000  # on each side of the cursor
_TAIL_CHARACTERS = 32  # compared first: most answers differ there


@dataclass(frozen=True, slots=True)
class _Place:
    """A cursor in a text."""

    offset: int
    tail: str
    before: int
    length_after: int
    after: int

    @classmethod
    def from_text(cls, text: str, offset: int, end: int) -> "_Place":
        """Return the place at `offset`, for the text without `[offset, end)`."""
        return cls(
            offset,
            text[max(0, offset - _TAIL_CHARACTERS) : offset],
            hash(text[max(0, offset - NEAR_CHARACTERS) : offset]),
            len(text) - end,
            hash(text[end : end + NEAR_CHARACTERS]),
        )

    def may_be_in(self, text: str, end: int) -> bool:
        """Return whether a comparison of hashes is worth its time."""
        start = max(0, self.offset - _TAIL_CHARACTERS)
        return self.length_after == len(text) - end and text[start : self.offset] == self.tail


@dataclass(frozen=True, slots=True)
class _Answer:
    """A complete answer. It replaces `beyond` characters after its cursor."""

    place: _Place
    text: str
    beyond: int
    at: float

    def fits(self, document: Document, offset: int) -> bool:
        """Return whether its text continues at `offset`, after its first letters were typed."""
        typed = document.text[self.place.offset : offset]
        if offset < self.place.offset or not self.text.startswith(typed) or len(typed) >= len(self.text):
            return False
        if not self.place.may_be_in(document.text, offset):
            return False
        return self.place == _Place.from_text(document.text, self.place.offset, offset)


class RecentAnswers:
    """The answers, oldest first."""

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque(maxlen=KEPT_ANSWERS)

    def add(self, suggestion: Suggestion, now: float) -> None:
        """Keep a complete suggestion; a later one for the same text and cursor replaces it."""
        text, anchor = suggestion.document.text, suggestion.anchor
        if suggestion.text:
            place = _Place.from_text(text, anchor, anchor)
            kept = [each for each in self._answers if each.place != place]
            self._answers = deque(kept, KEPT_ANSWERS)
            self._answers.append(_Answer(place, suggestion.text, suggestion.end - anchor, now))

    def find(self, document: Document, offset: int, now: float) -> Suggestion | None:
        """Return the newest suggestion with text for a cursor, as it was before its letters were typed."""
        for answer in reversed(self._answers):
            if now - answer.at > KEPT_SECONDS:
                return None
            if answer.fits(document, offset):
                start = answer.place.offset
                made_for = document.splice(start, offset, "")
                return Suggestion(made_for, start, start + answer.beyond, answer.text, done=True)
        return None

    def discard(self, document: Document, offset: int) -> None:
        """Forget the answers for a cursor, for example because the user has dismissed them."""
        kept = [each for each in self._answers if not each.fits(document, offset)]
        self._answers = deque(kept, KEPT_ANSWERS)

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()
