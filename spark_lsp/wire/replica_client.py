"""The editor's documents, as the gateway's replicas have them: the sending end of a *mirror*.

Each method returns the messages to send, and counts them as sent. A document keeps its short name over
reconnects, so that the next connection can resume the replicas by comparing hashes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spark_lsp.request import Span
from spark_lsp.text.edits import Edit
from spark_lsp.wire.frames import (
    CHUNK_CHARS,
    DocCheck,
    DocChunk,
    DocClose,
    DocEdit,
    DocFocus,
    DocFrame,
    DocOpen,
    DocRef,
    EditFrame,
    Resume,
)
from spark_lsp.wire.replica_store import digest


@dataclass(slots=True)
class MirroredDocument:
    """A document as the gateway has it, after all queued messages."""

    doc: str
    version: int
    language: str
    length: int


class ReplicaClient:
    """See the module's text."""

    def __init__(self) -> None:
        self._known: dict[str, MirroredDocument] = {}
        self._uris: dict[str, str] = {}
        self._count = 0

    def open_document(self, uri: str, language: str, version: int, text: str) -> list[DocFrame]:
        """Send a complete document, whether the gateway knows it or not."""
        doc = self._known[uri].doc if uri in self._known else self._new_name(uri)
        self._known[uri] = MirroredDocument(doc, version, language, len(text))
        pieces = [text[at : at + CHUNK_CHARS] for at in range(0, len(text), CHUNK_CHARS)] or [""]
        head = DocOpen(
            doc=doc,
            uri=uri,
            language=language,
            version=version,
            length=len(text),
            hash=digest(text),
            text=pieces[0],
        )
        return [head, *(DocChunk(doc=doc, version=version, text=piece) for piece in pieces[1:])]

    def _new_name(self, uri: str) -> str:
        self._count += 1
        doc = f"d{self._count}"
        self._uris[doc] = uri
        return doc

    def edit_document(self, uri: str, version: int, edits: Sequence[Edit], length: int) -> list[DocFrame]:
        """Send edits, which apply one after another; return nothing if the full text must be sent instead."""
        known = self._known.get(uri)
        if known is None or sum(len(edit.new) for edit in edits) > CHUNK_CHARS:
            return []
        frames = [EditFrame(edit.start, edit.end, edit.new) for edit in edits]
        message = DocEdit(doc=known.doc, base=known.version, version=version, edits=frames, length=length)
        known.version = version
        known.length = length
        return [message]

    def check_document(self, uri: str, version: int, text: str) -> list[DocFrame]:
        """Have the gateway compare its hash, after a rest."""
        known = self._find(uri, version)
        return [] if known is None else [DocCheck(doc=known.doc, version=version, hash=digest(text))]

    def send_focus(self, uri: str, version: int, offset: int) -> list[DocFrame]:
        """Send the position where the cursor rests."""
        known = self._find(uri, version)
        return [] if known is None else [DocFocus(doc=known.doc, version=version, offset=offset)]

    def close_document(self, uri: str) -> list[DocFrame]:
        """Have the gateway forget a document."""
        known = self._known.pop(uri, None)
        if known is None:
            return []
        del self._uris[known.doc]
        return [DocClose(doc=known.doc)]

    def find_version(self, span: Span) -> MirroredDocument | None:
        """Return the document of a span, if the gateway has the span's version."""
        return self._find(span.doc, span.version)

    def find_uri(self, doc: str) -> str | None:
        """Return the URI for a short name."""
        return self._uris.get(doc)

    def resume(self, session: str, documents: Iterable[tuple[str, int, str]]) -> Resume | None:
        """Resume an earlier connection's replicas; `documents` are the current `(uri, version, text)`.

        Forgets other documents. Returns None without documents, or if one of them is unknown; then all must
        be sent in full.
        """
        references: list[DocRef] = []
        documents = list(documents)
        for uri in set(self._known) - {uri for uri, _, _ in documents}:
            self.close_document(uri)
        for uri, version, text in documents:
            known = self._known.get(uri)
            if known is None:
                return None
            known.version = version
            known.length = len(text)
            references.append(DocRef(known.doc, version, digest(text)))
        return Resume(session=session, documents=references) if references else None

    def _find(self, uri: str, version: int) -> MirroredDocument | None:
        known = self._known.get(uri)
        if known is None or known.version != version:
            return None
        return known
