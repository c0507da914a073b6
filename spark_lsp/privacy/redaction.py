"""Redaction: replaces each character of a secret by an asterisk, and keeps everything else.

The length stays the same. Positions, versions and edits therefore mean the same in both texts, and only this
file needs to know that there are two. `RedactedDocument` holds the redacted text of one document and follows
its changes line by line: a secret lies within one line, so only the lines of a change need a new check.

A model that changes a redacted text answers with asterisks. `RedactedDocument.would_harm_secrets` finds the
edits that would write those asterisks into the user's file, or remove a secret from it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.privacy.detectors import find_secrets, find_suspects, may_hold_secret
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.lines import common_prefix_length, find_line_end, find_line_start

MASK_CHARACTER = "*"
_MASK = re.compile(r"\*{4,}")


def redact_secrets(text: str, language: str = "") -> str:
    """Return a text of the same length in which all secrets are asterisks."""
    pieces: list[str] = []
    copied = 0  # the part of `text` before this offset is in `pieces`
    checked = 0  # the lines before this offset have been checked
    for offset in find_suspects(text):
        if offset < checked:
            continue
        start = find_line_start(text, offset)
        checked = find_line_end(text, offset)
        for first, last in find_secrets(text[start:checked], language):
            pieces.append(text[copied : start + first])
            pieces.append(MASK_CHARACTER * (last - first))
            copied = start + last
    pieces.append(text[copied:])
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class RedactedDocument:
    """A document in two forms: `real` with its secrets, and `document` without them.

    Both are the same object while the document has no secret.
    """

    real: Document
    document: Document

    @classmethod
    def from_document(cls, real: Document) -> "RedactedDocument":
        """Check a complete document."""
        return cls(real, _with_text(real, redact_secrets(real.text, real.language)))

    @property
    def has_secrets(self) -> bool:
        """Whether the document has a secret."""
        return self.document is not self.real

    def follow_edits(self, real: Document, edits: Sequence[Edit]) -> "tuple[RedactedDocument, list[Edit]]":
        """Return the redacted form of `real`, and the edits that lead to it from the one before.

        `real` is the document after `edits`, each of which refers to the result of its predecessors.
        """
        if not edits:
            return RedactedDocument(real, _with_text(real, self.document.text)), []
        start, end, growth = _changed_range(edits)
        first = find_line_start(real.text, start)
        last = find_line_end(real.text, end + growth)
        lines = real.text[first:last]
        redacted = redact_secrets(lines, real.language) if may_hold_secret(lines) else lines
        if not self.has_secrets and redacted == lines:
            return RedactedDocument(real, real), list(edits)
        edit = _trim_edit(self.document.text, Edit(first, last - growth, redacted))
        text = self.document.text[: edit.start] + edit.new + self.document.text[edit.end :]
        return RedactedDocument(real, _with_text(real, text)), [edit]

    def would_harm_secrets(self, edits: Sequence[Edit]) -> bool:
        """Tell whether edits of the redacted text would change a secret, or write asterisks for one."""
        if not self.has_secrets:
            return False
        masked = self._masked_spans()
        return any(
            self.repeats_mask(edit.new) or any(edit.start < end and start < edit.end for start, end in masked)
            for edit in edits
        )

    def repeats_mask(self, text: str) -> bool:
        """Tell whether a model's text repeats the asterisks of a secret in this document."""
        lengths = {end - start for start, end in self._masked_spans()}
        return any(len(mask[0]) in lengths for mask in _MASK.finditer(text))

    def _masked_spans(self) -> list[tuple[int, int]]:
        """Return the ranges in which the two texts differ."""
        if not self.has_secrets:
            return []
        spans = [mask.span() for mask in _MASK.finditer(self.document.text)]
        return [span for span in spans if self.real.text[slice(*span)] != self.document.text[slice(*span)]]


def _with_text(real: Document, text: str) -> Document:
    if text == real.text:
        return real
    return Document(real.uri, text, real.version, real.language)


def _changed_range(edits: Sequence[Edit]) -> tuple[int, int, int]:
    """Return the range `[start, end)` of the old text that the edits changed, and its growth."""
    start = edits[0].start
    end = edits[0].end
    growth = 0
    for edit in edits:
        start = min(start, edit.start)
        # In the old text, an offset after the earlier changes is smaller by their growth.
        end = max(end, edit.end - growth)
        growth += edit.growth
    return start, end, growth


def _trim_edit(old: str, edit: Edit) -> Edit:
    """Return the same edit without the text that it would replace by the same text."""
    was = old[edit.start : edit.end]
    head = common_prefix_length(was, edit.new)
    tail = common_prefix_length(was[head:][::-1], edit.new[head:][::-1])
    return Edit(edit.start + head, edit.end - tail, edit.new[head : len(edit.new) - tail])
