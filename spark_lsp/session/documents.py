"""The open documents, as the editor sees them.

Only the editor can change a document, so its text is authoritative. Each of its changes is checked: a
reversed range, a version that is not newer, or a change to an unknown text means that the two sides differ.
LSP has no message to request the text again, so such a document is *out of sync*: spark-lsp does not use it
until the editor sends its full text, by a full change or by opening it again. No suggestion is better than
one for another text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from spark_lsp.errors import TextError
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.positions import Encoding, to_offset

# Larger documents are not used: each event-loop iteration should take less than 100 ms. A program generates
# lines of that length.
MAX_CHARS, MAX_LINE = 1_000_000, 50_000
_LINE_END = re.compile(r"\r\n|\n|\r")


class Unusable(StrEnum):
    """Why spark-lsp does not use a document; the values are shown to the user."""

    UNKNOWN = "the editor has not opened this document in spark-lsp"
    OUT_OF_SYNC = "the editor's changes did not fit the text; reopen the file"
    TOO_LARGE = "the file is larger than a million characters"
    LONG_LINE = "a line of the file is longer than 50,000 characters"
    BINARY = "the file is binary: it holds NUL characters"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a notification: a range of lines and characters, or the full text (`range` None)."""

    text: str
    range: tuple[tuple[int, int], tuple[int, int]] | None = None


class Documents:
    """All open documents of one editor."""

    def __init__(self, encoding: Encoding = Encoding.UTF16) -> None:
        self.encoding = encoding
        self._open: dict[str, Document] = {}
        self._broken: dict[str, Unusable] = {}
        self._languages: dict[str, str] = {}
        self._unversioned: set[str] = set()

    def open(self, uri: str, language: str, version: int | None, text: str) -> Document | None:
        """Store a document and return it; None if it is unusable. A second call replaces the text.

        `version` is None if the client gives none; `change` then counts versions for it.
        """
        self._languages[uri] = language
        self._unversioned.discard(uri)
        version = self._count_version(uri, 0) if version is None else version
        if (why := _find_fault(text, text, len(text))) is not None:
            return self._mark_unusable(uri, why)
        self._broken.pop(uri, None)
        self._open[uri] = document = Document(uri, text, version, language)
        return document

    def change(self, uri: str, version: int | None, changes: Sequence[Change]) -> tuple[Document, list[Edit]]:
        """Apply changes in order; return the new document and the same changes as edits.

        A version of None means the next one. So does a version that is not newer if the change is the full
        text: messages keep their order, so the text is the editor's newest.

        Raises `TextError` for invalid changes; the document is then out of sync.
        """
        document = self._open.get(uri)
        if document is None:  # an empty document counts as false
            document = self._revive(uri, version, changes)
        whole = bool(changes) and changes[0].range is None
        if version is None or (version <= document.version and whole and uri not in self._broken):
            version = self._count_version(uri, document.version + 1)
        try:
            if version <= document.version and uri not in self._broken:
                raise TextError(f"Version {version} is not newer than {document.version}")
            document, edits = self._apply(document, version, changes)
        except TextError:
            self._mark_unusable(uri, Unusable.OUT_OF_SYNC)
            raise
        self._broken.pop(uri, None)
        new = "".join(edit.new for edit in edits)
        why = _find_fault(new, _changed_lines(document, edits), len(document))
        if why is not None:
            self._mark_unusable(uri, why)
            raise TextError("The text can no longer be used", why)
        self._open[uri] = document
        return document, edits

    def _apply(
        self, document: Document, version: int, changes: Sequence[Change]
    ) -> tuple[Document, list[Edit]]:
        edits: list[Edit] = []
        for change in changes:
            edit = self._convert(document, change)
            document = document.splice(edit.start, edit.end, edit.new)
            edits.append(edit)
        return replace(document, version=version), edits

    def _convert(self, document: Document, change: Change) -> Edit:
        if change.range is None:
            return Edit(0, len(document), change.text)
        first, last = change.range
        if first > last:
            raise TextError("A range ends before it begins")
        start = to_offset(document, *first, self.encoding)
        return Edit(start, to_offset(document, *last, self.encoding), change.text)

    def _revive(self, uri: str, version: int | None, changes: Sequence[Change]) -> Document:
        """Return an empty document for a full change, if the document is out of sync."""
        known = self._broken.get(uri)
        if known is None:
            raise TextError("The document was never opened", Unusable.UNKNOWN)
        if not changes or changes[0].range is not None:
            raise TextError("The document is out of sync", known)
        return Document(uri, "", (version or 1) - 1, self._languages.get(uri, ""))

    def _count_version(self, uri: str, version: int) -> int:
        """Return a version that we count, because the client sends no usable versions of this document."""
        self._unversioned.add(uri)
        return version

    def reject_change(self, uri: str) -> None:
        """Mark a document as out of sync after an unreadable change. Always raises `TextError`."""
        known = uri in self._open or uri in self._broken
        self._mark_unusable(uri, Unusable.OUT_OF_SYNC if known else Unusable.UNKNOWN)
        raise TextError("A change is unreadable")

    def version_of(self, document: Document) -> int | None:
        """Return the version that the client gave a document, or None if it gives no usable ones."""
        return None if document.uri in self._unversioned else document.version

    def mark_out_of_sync(self, uri: str) -> None:
        """Stop using a document, whose text may differ from the editor's, until its full text arrives."""
        self._mark_unusable(uri, Unusable.OUT_OF_SYNC)

    def close(self, uri: str) -> None:
        """Forget a document."""
        self._open.pop(uri, None)
        self._broken.pop(uri, None)
        self._languages.pop(uri, None)
        self._unversioned.discard(uri)

    def get(self, uri: str) -> Document | None:
        """Return a usable document; None if it is unusable or unknown."""
        return self._open.get(uri)

    def find_problem(self, uri: str) -> Unusable:
        """Return why `get` returns None."""
        return self._broken.get(uri, Unusable.UNKNOWN)

    def list_usable(self) -> list[Document]:
        """Return every usable document."""
        return list(self._open.values())

    def _mark_unusable(self, uri: str, why: Unusable) -> None:
        self._open.pop(uri, None)
        if uri:
            self._broken[uri] = why


def _find_fault(new: str, lines: str, length: int) -> Unusable | None:
    """Return why a text of this length is unusable, with its new characters and the lines around them."""
    if length > MAX_CHARS:
        return Unusable.TOO_LARGE
    if "\0" in new:
        return Unusable.BINARY
    return Unusable.LONG_LINE if _longest_line(lines) > MAX_LINE else None


def _longest_line(text: str) -> int:
    """Return the length of the longest line; of the whole text if that is below the limit."""
    if len(text) <= MAX_LINE:
        return len(text)
    return max(map(len, _LINE_END.split(text) if "\r" in text else text.split("\n")))


def _changed_lines(document: Document, edits: Sequence[Edit]) -> str:
    """Return the lines of `document` between the first and the last character that edits changed."""
    if not edits:
        return ""
    start, end = len(document), 0
    for edit in edits:
        start = min(start, edit.start)
        end = max(end, edit.end) + len(edit.new) - (edit.end - edit.start)
    first, last = document.line_at(start), document.line_at(min(end, len(document)))
    return document.text[document.line_start(first) : document.line_end(last)]
