"""The one live suggestion of a document: reused while typing, trimmed, or dropped with a reason.

A suggestion was made for one cursor in one text. While the person types its letters, the rest of it
stays right: nothing is asked again, the typed letters are taken off. Any other change contradicts it.
The check compares whole texts, since a suggestion that is wrong by one character is worse than none.

While an answer grows, a request stands to it in one of four ways, which `Fit` names: the request is
answered, waits, is told that there is nothing, or asks anew.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from spark_lsp.text.document import Document


class Fit(Enum):
    """How an answer that may still grow stands to what was typed since it was asked for."""

    HAS_MORE = auto()  # it goes on where the cursor is
    MAY_COME = auto()  # it does not yet, but nothing speaks against it
    IS_SPENT = auto()  # it is complete and has nothing more for this cursor
    IS_WRONG = auto()  # something else was typed


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text for the cursor at `anchor`, in place of `[anchor, end)` of its document.

    `done` tells whether it is complete; `token` names the answer it is of, wherever the cursor is by now.
    """

    document: Document
    anchor: int
    end: int
    text: str = ""
    done: bool = False
    token: int = 0

    def at(self, document: Document, offset: int) -> "Suggestion | None":
        """Return the suggestion as it stands at a later text and cursor, or None if contradicted.

        Nothing may have changed but that its first letters were typed at its cursor.
        """
        typed = self.typed(document, offset)
        if typed is None or not self.text.startswith(typed):
            return None
        rest = self.text[len(typed) :]
        return replace(self, document=document, anchor=offset, end=self.end + len(typed), text=rest)

    def may_become(self, document: Document) -> bool:
        """Tell whether a changed text still leaves room for this suggestion, which may be growing."""
        typed = self.typed(document, self.anchor + len(document) - len(self.document))
        if typed is None:
            return False
        return self.text.startswith(typed) or (not self.done and typed.startswith(self.text))

    def fit(self, typed: str, offered: str) -> Fit:
        """Tell how this stands to what was typed; of its text only `offered` may be given as yet.

        Who types ahead of the first letters of an answer contradicts it: nothing says that it will fit.
        """
        if not self.text.startswith(typed):
            grows = bool(self.text) and not self.done and typed.startswith(self.text)
            return Fit.MAY_COME if grows else Fit.IS_WRONG
        if len(offered) > len(typed):
            return Fit.HAS_MORE
        return Fit.IS_SPENT if self.done else Fit.MAY_COME

    def typed(self, document: Document, offset: int) -> str | None:
        """Return what was typed between the anchor and `offset`; None if anything else has changed."""
        if document is self.document:
            return "" if offset == self.anchor else None
        old, new = self.document.text, document.text
        if offset < self.anchor or len(new) - len(old) != offset - self.anchor:
            return None
        if new[: self.anchor] != old[: self.anchor] or new[offset:] != old[self.anchor :]:
            return None
        return new[self.anchor : offset]
