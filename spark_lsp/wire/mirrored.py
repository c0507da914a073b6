"""The editor's documents as the client's end knows the gateway's mirror of them.

Each method returns the messages to send; what it returns counts as sent. A document's short name stays
the same over reconnects, so that the next connection can go on with the mirror by comparing hashes.
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
from spark_lsp.wire.mirror import digest


@dataclass(slots=True)
class Known:
    """A document as the gateway has it, once all that is queued has been written."""

    doc: str
    version: int
    language: str
    length: int


class Mirrored:
    """See the module's text."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._uris: dict[str, str] = {}
        self._count = 0

    def open(self, uri: str, language: str, version: int, text: str) -> list[DocFrame]:
        """Tell a document whole, whatever was known of it."""
        doc = self._known[uri].doc if uri in self._known else self._new_name(uri)
        self._known[uri] = Known(doc, version, language, len(text))
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

    def edit(self, uri: str, version: int, edits: Sequence[Edit], length: int) -> list[DocFrame]:
        """Tell changes, made one after another; nothing if the document must be told whole instead."""
        known = self._known.get(uri)
        if known is None or sum(len(edit.new) for edit in edits) > CHUNK_CHARS:
            return []
        frames = [EditFrame(edit.start, edit.end, edit.new) for edit in edits]
        told = DocEdit(doc=known.doc, base=known.version, version=version, edits=frames, length=length)
        known.version, known.length = version, length
        return [told]

    def check(self, uri: str, version: int, text: str) -> list[DocFrame]:
        """Have the mirror compare its hash, after a rest."""
        known = self._at(uri, version)
        return [] if known is None else [DocCheck(doc=known.doc, version=version, hash=digest(text))]

    def focus(self, uri: str, version: int, offset: int) -> list[DocFrame]:
        """Tell where the cursor rests."""
        known = self._at(uri, version)
        return [] if known is None else [DocFocus(doc=known.doc, version=version, offset=offset)]

    def close(self, uri: str) -> list[DocFrame]:
        """Have a document forgotten."""
        known = self._known.pop(uri, None)
        if known is None:
            return []
        del self._uris[known.doc]
        return [DocClose(doc=known.doc)]

    def cite(self, span: Span) -> Known | None:
        """Return what is known of a span's document, if the mirror has the span's version."""
        return self._at(span.doc, span.version)

    def uri(self, doc: str) -> str | None:
        """Return the document that a short name stands for."""
        return self._uris.get(doc)

    def resume(self, session: str, documents: Iterable[tuple[str, int, str]]) -> Resume | None:
        """Go on with an earlier connection's mirror; `documents` are `(uri, version, text)` of now.

        Others are forgotten. Returns nothing if a document is not known by a name, or there is none: then
        all are told whole.
        """
        references: list[DocRef] = []
        documents = list(documents)
        for uri in set(self._known) - {uri for uri, _, _ in documents}:
            self.close(uri)
        for uri, version, text in documents:
            known = self._known.get(uri)
            if known is None:
                return None
            known.version, known.length = version, len(text)
            references.append(DocRef(known.doc, version, digest(text)))
        return Resume(session=session, documents=references) if references else None

    def _at(self, uri: str, version: int) -> Known | None:
        known = self._known.get(uri)
        return known if known is not None and known.version == version else None
