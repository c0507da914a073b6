"""The one live suggestion of a document: reused during typing, trimmed, or dropped.

A suggestion is made for one cursor in one text. While the user types its letters, its rest stays valid: the
typed letters are removed from it, and no engine is needed. If an editor adds the closer of a typed bracket or
quote, the suggestion replaces that closer, too. Any other change contradicts it. The check compares complete
texts, because a suggestion that is wrong by one character is worse than none.

While an answer is streamed, its relation to a request is one of the four values of `Fit`: the request is
answered with text, waits, is answered without text, or needs another suggestion.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from spark_lsp.text.document import Document

_CLOSERS = {"(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "'": "'", "`": "`"}
_MAX_CLOSERS = 4  # that editors insert while a few letters are typed


class Fit(Enum):
    """How an answer, which may be incomplete, relates to the text typed since its request."""

    HAS_TEXT = auto()  # it has text for the cursor
    MAY_GROW = auto()  # it has none yet, but the typed text agrees with it
    IS_EMPTY = auto()  # it is complete and has no text for the cursor
    IS_CONTRADICTED = auto()  # the user typed something else


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text for the cursor at `anchor`, which replaces `[anchor, end)` of its document.

    `done` says that it is complete. `token` identifies the answer; it stays the same when the cursor moves.
    """

    document: Document
    anchor: int
    end: int
    text: str = ""
    done: bool = False
    token: int = 0

    def move_to(self, document: Document, offset: int) -> "Suggestion | None":
        """Return the suggestion for a later text and cursor; None if they contradict it.

        The only permitted change is that its first letters were typed at its cursor, with the closers that an
        editor adds.
        """
        typed = self.find_typed_text(document, offset)
        if typed is None or not self.text.startswith(typed):
            return None
        return self.advance(typed, document, offset)

    def advance(self, typed: str, document: Document, offset: int) -> "Suggestion":
        """Return the suggestion without its typed beginning, for a later text and cursor.

        The caller has checked that `typed` is the only change, and the beginning of the suggestion.
        """
        rest = self.text[len(typed) :]
        end = self.end + len(document) - len(self.document)
        return replace(self, document=document, anchor=offset, end=end, text=rest)

    def accept(self) -> tuple[Document, int]:
        """Return the text and the cursor after the user has accepted this suggestion."""
        document = self.document.splice(self.anchor, self.end, self.text)
        return document, self.anchor + len(self.text)

    def is_accepted_in(self, document: Document) -> bool:
        """Return whether a text is that after the acceptance of this suggestion, which must be complete."""
        old, new, end = self.document.text, document.text, self.anchor + len(self.text)
        if not (self.done and self.text) or len(new) - end != len(old) - self.end:
            return False
        return (
            new[self.anchor : end] == self.text
            and new[: self.anchor] == old[: self.anchor]
            and new[end:] == old[self.end :]
        )

    def agrees_with(self, document: Document) -> bool:
        """Return whether a changed text agrees with this suggestion, which may be incomplete."""
        last = self.anchor + len(document) - len(self.document)
        for offset in range(last, last - _MAX_CLOSERS - 1, -1):
            typed = self.find_typed_text(document, offset)
            if typed is not None and self._may_begin_with(typed):
                return True
        return False

    def _may_begin_with(self, typed: str) -> bool:
        return self.text.startswith(typed) or (not self.done and typed.startswith(self.text))

    def compare(self, typed: str, offered: str) -> Fit:
        """Return how this relates to the typed text; only `offered` of its text may be used yet.

        Text that is typed before the first letters of an answer arrive contradicts it, because it would
        probably not fit; `patience` has the exceptions.
        """
        if not self.text.startswith(typed):
            grows = bool(self.text) and not self.done and typed.startswith(self.text)
            return Fit.MAY_GROW if grows else Fit.IS_CONTRADICTED
        if len(offered) > len(typed):
            return Fit.HAS_TEXT
        return Fit.IS_EMPTY if self.done else Fit.MAY_GROW

    def find_typed_text(self, document: Document, offset: int) -> str | None:
        """Return the text typed between the anchor and `offset`; None if anything else has changed.

        An editor may have inserted closers at `offset`, which the rest of the suggestion must contain.
        """
        if document is self.document:
            return "" if offset == self.anchor else None
        old, new = self.document.text, document.text
        added = len(new) - len(old) - (offset - self.anchor)
        if offset < self.anchor or not 0 <= added <= _MAX_CLOSERS:
            return None
        if new[: self.anchor] != old[: self.anchor] or new[offset + added :] != old[self.anchor :]:
            return None
        typed = new[self.anchor : offset]
        return typed if not added or self._replaces(new[offset : offset + added], typed) else None

    def _replaces(self, closers: str, typed: str) -> bool:
        """Tell whether the rest of the suggestion contains these closers of brackets in `typed`."""
        openers = iter(reversed(typed))
        if not all(any(_CLOSERS.get(opener) == each for opener in openers) for each in closers):
            return False
        rest = iter(self.text[len(typed) :])
        return self.text.startswith(typed) and all(each in rest for each in closers)
