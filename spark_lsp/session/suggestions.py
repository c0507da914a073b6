"""The one live suggestion of a document: reused while typing, trimmed, or dropped with a reason.

A suggestion was made for one cursor in one text. While the person types its letters, the rest of it
stays right: nothing is asked again, the typed letters are taken off. Any other change contradicts it.
The check compares whole texts, since a suggestion that is wrong by one character is worse than none.
"""

from dataclasses import dataclass, replace

from spark_lsp.text.document import Document


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text for the cursor at `anchor`, in place of `[anchor, end)` of its document.

    `done` tells whether it may still grow.
    """

    document: Document
    anchor: int
    end: int
    text: str = ""
    done: bool = False

    def at(self, document: Document, offset: int) -> "Suggestion | None":
        """Return the suggestion as it stands at a later text and cursor, or None if contradicted.

        Nothing may have changed but that its first letters were typed at its cursor.
        """
        typed = self._typed(document, offset)
        if typed is None or not self.text.startswith(typed):
            return None
        rest = self.text[len(typed) :]
        return replace(self, document=document, anchor=offset, end=self.end + len(typed), text=rest)

    def may_become(self, document: Document) -> bool:
        """Tell whether a changed text still leaves room for this suggestion, which may be growing."""
        typed = self._typed(document, self.anchor + len(document) - len(self.document))
        if typed is None:
            return False
        return self.text.startswith(typed) or (not self.done and typed.startswith(self.text))

    def _typed(self, document: Document, offset: int) -> str | None:
        """Return what was typed between the anchor and `offset`, if that is all that has changed."""
        if document is self.document:
            return "" if offset == self.anchor else None
        old, new = self.document.text, document.text
        if offset < self.anchor or len(new) - len(old) != offset - self.anchor:
            return None
        if new[: self.anchor] != old[: self.anchor] or new[offset:] != old[self.anchor :]:
            return None
        return new[self.anchor : offset]
