"""The one live suggestion of a document: reused while typing, trimmed, or dropped with a reason.

A suggestion was made for one cursor in one text. While the person types its letters, the rest of it
stays right: nothing is asked again, the typed letters are taken off. Any other change contradicts it.
The check compares whole texts, since a suggestion that is wrong by one character is worse than none.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from spark_lsp.text.document import Document


class Reason(StrEnum):
    """Why there is no suggestion: one closed list, shown to people as it stands."""

    DISABLED = "completions are switched off in the settings"
    EXCLUDED = "this file is excluded by the settings"
    NO_DOCUMENT = "the document cannot be used"
    NOTHING = "the model had nothing to add here"
    ENGINE = "the engine could not answer"
    SUPERSEDED = "a newer request took its place"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to put in place of `[start, end)` of a document; the cursor is at `anchor`.

    `start` ≤ `anchor` ≤ `end`. `text` is what stands in the range afterwards; `done` tells whether it
    may still grow.
    """

    document: Document
    anchor: int
    start: int
    end: int
    text: str
    done: bool = False

    @property
    def ghost(self) -> str:
        """The part of `text` that a person sees behind the cursor."""
        return self.text[self.anchor - self.start :]

    def at(self, document: Document, offset: int) -> "Suggestion | None":
        """Return the suggestion as it stands at a later text and cursor, or None if contradicted.

        Nothing may have changed but that the first letters of the ghost were typed at its cursor.
        """
        typed = self._typed(document, offset)
        if typed is None or not self.ghost.startswith(typed):
            return None
        end = self.end + len(typed)
        return replace(self, document=document, anchor=offset, end=end)

    def may_become(self, document: Document) -> bool:
        """Tell whether a changed text still leaves room for this suggestion, which may be growing."""
        typed = self._typed(document, self.anchor + len(document) - len(self.document))
        if typed is None:
            return False
        return typed.startswith(self.ghost) if not self.done and len(typed) > len(self.ghost) else (
            self.ghost.startswith(typed)
        )

    def _typed(self, document: Document, offset: int) -> str | None:
        """Return what was typed between the anchor and `offset`, if that is all that has changed."""
        grown = offset - self.anchor
        if document is self.document:
            return "" if grown == 0 else None
        if grown < 0 or len(document) - len(self.document) != grown:
            return None
        same = document.text.startswith(self.document.text[: self.anchor])
        if not same or document.text[offset:] != self.document.text[self.anchor :]:
            return None
        return document.text[self.anchor : offset]
