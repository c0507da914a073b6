"""The diagnostics of other tools, as far as the editor sends them to us.

An editor gives a language server the diagnostics of other servers only with a request for code actions, for
the lines of that request. They are remembered until the editor sends others for these lines, or an edit
changes their text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

MAX_NOTES = 50  # of one document
MAX_DOCUMENTS = 100
MAX_MESSAGE_CHARS = 300
MAX_SNIPPET_CHARS = 40
NEAR_LINES = 10


@dataclass(frozen=True, slots=True)
class DiagnosticNote:
    """One diagnostic: the range of the text that it refers to, and its message."""

    start: int
    end: int
    message: str


class DiagnosticNotes:
    """The notes of all documents, by their URIs. Offsets refer to the current texts."""

    def __init__(self) -> None:
        self._notes: dict[str, list[DiagnosticNote]] = {}

    def replace_lines(
        self, document: Document, start: int, end: int, found: Iterable[DiagnosticNote]
    ) -> None:
        """Replace the notes that touch the lines of a range by those that the editor has sent for it."""
        first = document.line_start(document.line_at(start))
        last = document.line_end(document.line_at(end))
        before = self._notes.pop(document.uri, [])
        kept = [note for note in before if note.end < first or note.start > last]
        notes = list(dict.fromkeys([*kept, *found]))[-MAX_NOTES:]
        if notes:
            self._notes[document.uri] = notes
        while len(self._notes) > MAX_DOCUMENTS:
            del self._notes[next(iter(self._notes))]

    def follow_edits(self, uri: str, edits: Sequence[Edit]) -> None:
        """Move the notes of a document with its changes; forget those whose text has changed."""
        notes = self._notes.get(uri)
        if notes is None:
            return
        for edit in edits:
            notes = [moved for note in notes if (moved := _move(note, edit)) is not None]
        self._notes[uri] = notes

    def forget(self, uri: str) -> None:
        """Forget the notes of a document."""
        self._notes.pop(uri, None)

    def list_near(self, document: Document, offset: int) -> list[tuple[int, str]]:
        """Return the notes near a cursor as distances in lines and texts, in the order of the document.

        A text does not name a line, so it stays the same while lines are inserted above.
        """
        here = document.line_at(offset)
        found: list[tuple[int, int, str]] = []
        for note in self._notes.get(document.uri, ()):
            if note.end > len(document):
                continue
            distance = abs(document.line_at(note.start) - here)
            if distance <= NEAR_LINES:
                found.append((note.start, distance, _describe(document, note)))
        return [(distance, text) for _, distance, text in sorted(found)]


def _move(note: DiagnosticNote, edit: Edit) -> DiagnosticNote | None:
    if edit.end < note.start:
        return replace(note, start=note.start + edit.growth, end=note.end + edit.growth)
    return note if edit.start > note.end else None


def _describe(document: Document, note: DiagnosticNote) -> str:
    message = " ".join(note.message.split())[:MAX_MESSAGE_CHARS]
    snippet = document.text[note.start : note.end].split("\n", 1)[0].strip()[:MAX_SNIPPET_CHARS]
    return f"{message} (at `{snippet}`)" if snippet else message
