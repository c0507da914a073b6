"""Text without its secrets: each character of a secret becomes a star, and everything else stays.

The length stays too, so positions, versions and edits mean the same in both texts, and nobody but this
file needs to know that there are two. `Redacted` holds what others may see of one document and follows
its changes line by line: a secret lies in one line, and a line that is typed is looked at anew.

A model that is asked to change a redacted text answers with a text full of stars. `disturbs` finds the
edits that would carry stars into the person's file, or take a secret out of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.privacy.detectors import find_secrets, find_suspects, may_hold_secret
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

MASK_CHARACTER = "*"
_MASK = re.compile(r"\*{4,}")
_LINE_END = re.compile(r"\r\n|\n|\r")


def redact_secrets(text: str, language: str = "") -> str:
    """Return a text of the same length in which secrets are stars."""
    pieces, kept, looked = list[str](), 0, 0
    for at in find_suspects(text):
        if at < looked:
            continue
        start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
        end = _LINE_END.search(text, at)
        looked = end.start() if end else len(text)
        for first, last in find_secrets(text[start:looked], language):
            pieces += [text[kept : start + first], MASK_CHARACTER * (last - first)]
            kept = start + last
    return "".join([*pieces, text[kept:]]) if pieces else text


@dataclass(frozen=True, slots=True)
class RedactedDocument:
    """What others may see of one document. `document` is the true one itself while it has no secret."""

    real: Document
    document: Document

    @classmethod
    def from_document(cls, real: Document) -> "RedactedDocument":
        """Look through a whole document."""
        return cls(real, _with_text(real, redact_secrets(real.text, real.language)))

    @property
    def has_secrets(self) -> bool:
        """Whether anything is hidden."""
        return self.document is not self.real

    def follow_edits(self, real: Document, edits: Sequence[Edit]) -> "tuple[RedactedDocument, list[Edit]]":
        """Follow edits, one after another, to the new true text; return them as the text shown has them."""
        if not edits:
            return RedactedDocument(real, _with_text(real, self.document.text)), []
        start, end, grown = _changed_range(edits)
        first = _line_start(real.text, start)
        last = _line_end(real.text, end + grown)
        lines = real.text[first:last]
        shown = redact_secrets(lines, real.language) if may_hold_secret(lines) else lines
        if not self.has_secrets and shown == lines:
            return RedactedDocument(real, real), list(edits)
        edit = _trim_edit(self.document.text, Edit(first, last - grown, shown))
        text = self.document.text[: edit.start] + edit.new + self.document.text[edit.end :]
        return RedactedDocument(real, _with_text(real, text)), [edit]

    def would_harm_secrets(self, edits: Sequence[Edit]) -> bool:
        """Tell whether edits, made for the text shown, would harm the secrets in the true one."""
        if not self.has_secrets:
            return False
        hidden = self._masked_spans()
        return any(
            self.repeats_mask(edit.new) or any(edit.start < end and start < edit.end for start, end in hidden)
            for edit in edits
        )

    def repeats_mask(self, text: str) -> bool:
        """Tell whether a model's text repeats the stars that stand for a secret here."""
        sizes = {end - start for start, end in self._masked_spans()}
        return any(len(stars[0]) in sizes for stars in _MASK.finditer(text))

    def _masked_spans(self) -> list[tuple[int, int]]:
        """Return where the text shown differs from the true one."""
        if not self.has_secrets:
            return []
        spans = [found.span() for found in _MASK.finditer(self.document.text)]
        return [span for span in spans if self.real.text[slice(*span)] != self.document.text[slice(*span)]]


def _with_text(real: Document, text: str) -> Document:
    if text == real.text:
        return real
    return Document(real.uri, text, real.version, real.language)


def _changed_range(edits: Sequence[Edit]) -> tuple[int, int, int]:
    """Return the part of the old text that edits changed together, and by how much it has grown."""
    start, end, grown = edits[0].start, edits[0].end, 0
    for edit in edits:
        if edit.start < start:
            start = edit.start
        # an offset behind what earlier edits changed means `grown` less in the old text
        end = max(end, edit.end - grown)
        grown += len(edit.new) - (edit.end - edit.start)
    return start, end, grown


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _line_end(text: str, at: int) -> int:
    found = _LINE_END.search(text, at)
    return found.start() if found else len(text)


def _trim_edit(old: str, edit: Edit) -> Edit:
    """Return the same edit without what it would replace by itself."""
    was = old[edit.start : edit.end]
    ahead = _common(was, edit.new)
    behind = _common(was[ahead:][::-1], edit.new[ahead:][::-1])
    new = edit.new[ahead : len(edit.new) - behind]
    return Edit(edit.start + ahead, edit.end - behind, new)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
