"""The documents that the editor has open, as the editor sees them.

The editor's text is the truth, and only the editor can change it. What it sends is checked against what
is here: a range that is reversed, a version that is not newer, a change to a text that was never opened
mean that the two have drifted apart. LSP has no message to ask for the text again, so such a document is
*out of sync*: nothing is computed from it until the editor sends the whole text, by a full change or by
opening it again. Better no suggestion than one for another text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from spark_lsp.errors import TextError
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.positions import Encoding, to_offset

# What is larger is refused: a turn of the loop should stay below 100 ms. A line as long is made by a machine.
MAX_CHARS, MAX_LINE = 1_000_000, 50_000
_LINE_END = re.compile(r"\r\n|\n|\r")


class Unusable(StrEnum):
    """Why nothing is computed from a document; the values are shown to people."""

    UNKNOWN = "the editor has not opened this document with us"
    OUT_OF_SYNC = "the editor's changes did not fit the text; reopen the file"
    TOO_LARGE = "the file is larger than a million characters"
    LONG_LINE = "a line of the file is longer than 50,000 characters"
    BINARY = "the file is binary: it holds NUL characters"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a notification: a range by lines and characters, or the whole text (`range` None)."""

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
        """Take a document; None if it is not fit for use. Opening it twice means the second text.

        `version` is None from a client that gives none; `change` then counts for it.
        """
        self._languages[uri] = language
        self._unversioned.discard(uri)
        version = self._counted(uri, 0) if version is None else version
        if (why := _unfit(text, text, len(text))) is not None:
            return self._break(uri, why)
        self._broken.pop(uri, None)
        self._open[uri] = document = Document(uri, text, version, language)
        return document

    def change(self, uri: str, version: int | None, changes: Sequence[Change]) -> tuple[Document, list[Edit]]:
        """Make changes, one after another; returns the new document and the same changes as edits.

        A version that is None means the next one, and so does one that is not newer where the whole text
        comes: messages keep their order, so the text is the editor's newest.

        Raises `TextError` if they do not fit; the document is out of sync then.
        """
        document = self._open.get(uri)
        if document is None:  # an empty document counts as false
            document = self._revived(uri, version, changes)
        whole = bool(changes) and changes[0].range is None
        if version is None or (version <= document.version and whole and uri not in self._broken):
            version = self._counted(uri, document.version + 1)
        try:
            if version <= document.version and uri not in self._broken:
                raise TextError(f"Version {version} is not newer than {document.version}")
            document, edits = self._changed(document, version, changes)
        except TextError:
            self._break(uri, Unusable.OUT_OF_SYNC)
            raise
        self._broken.pop(uri, None)
        if (
            why := _unfit("".join(edit.new for edit in edits), _touched(document, edits), len(document))
        ) is not None:
            self._break(uri, why)
            raise TextError("The text can no longer be used", why)
        self._open[uri] = document
        return document, edits

    def _changed(
        self, document: Document, version: int, changes: Sequence[Change]
    ) -> tuple[Document, list[Edit]]:
        edits: list[Edit] = []
        for change in changes:
            edit = self._edit(document, change)
            document = document.splice(edit.start, edit.end, edit.new)
            edits.append(edit)
        return replace(document, version=version), edits

    def _edit(self, document: Document, change: Change) -> Edit:
        if change.range is None:
            return Edit(0, len(document), change.text)
        first, last = change.range
        if first > last:
            raise TextError("A range ends before it begins")
        start = to_offset(document, *first, self.encoding)
        return Edit(start, to_offset(document, *last, self.encoding), change.text)

    def _revived(self, uri: str, version: int | None, changes: Sequence[Change]) -> Document:
        """Return an empty document that a full change may fill, if this one is only out of sync."""
        known = self._broken.get(uri)
        if known is None:
            raise TextError("The document was never opened", Unusable.UNKNOWN)
        if not changes or changes[0].range is not None:
            raise TextError("The document is out of sync", known)
        return Document(uri, "", (version or 1) - 1, self._languages.get(uri, ""))

    def _counted(self, uri: str, version: int) -> int:
        """Return a version of our own counting: the client's versions of this document say nothing."""
        self._unversioned.add(uri)
        return version

    def lose(self, uri: str) -> None:
        """Count an open document as out of sync, since a change to it could not be read.

        Raises `TextError`, which says so.
        """
        known = uri in self._open or uri in self._broken
        self._break(uri, Unusable.OUT_OF_SYNC if known else Unusable.UNKNOWN)
        raise TextError("A change could not be read")

    def version_of(self, document: Document) -> int | None:
        """Return the version that the client gave a document, or None if it gives no usable ones."""
        return None if document.uri in self._unversioned else document.version

    def distrust(self, uri: str) -> None:
        """Stop using a document whose text may differ from the editor's, until it is sent whole."""
        self._break(uri, Unusable.OUT_OF_SYNC)

    def close(self, uri: str) -> None:
        """Forget a document."""
        self._open.pop(uri, None)
        self._broken.pop(uri, None)
        self._languages.pop(uri, None)
        self._unversioned.discard(uri)

    def get(self, uri: str) -> Document | None:
        """Return the document if something may be computed from it."""
        return self._open.get(uri)

    def why_not(self, uri: str) -> Unusable:
        """Return why `get` has nothing."""
        return self._broken.get(uri, Unusable.UNKNOWN)

    def all(self) -> list[Document]:
        """Return every usable document."""
        return list(self._open.values())

    def _break(self, uri: str, why: Unusable) -> None:
        self._open.pop(uri, None)
        if uri:
            self._broken[uri] = why


def _unfit(new: str, lines: str, length: int) -> Unusable | None:
    """Return why a text of this length, with these new characters, in these lines, is not used."""
    if length > MAX_CHARS:
        return Unusable.TOO_LARGE
    if "\0" in new:
        return Unusable.BINARY
    return Unusable.LONG_LINE if _longest(lines) > MAX_LINE else None


def _longest(text: str) -> int:
    """Return the length of the longest line, or of all of them together where that is enough to know."""
    if len(text) <= MAX_LINE:
        return len(text)
    return max(map(len, _LINE_END.split(text) if "\r" in text else text.split("\n")))


def _touched(document: Document, edits: Sequence[Edit]) -> str:
    """Return the lines of `document` between the first and the last character that edits changed."""
    if not edits:
        return ""
    start, end = len(document), 0
    for edit in edits:
        start = min(start, edit.start)
        end = max(end, edit.end) + len(edit.new) - (edit.end - edit.start)
    first, last = document.line_at(start), document.line_at(min(end, len(document)))
    return document.text[document.line_start(first) : document.line_end(last)]
