"""Mirrors of documents at another gateway: a request cites ranges of them, so a key sends only its change.

An engine sees requests, not edits. The change of a document is the difference of its texts in successive
requests, as one replacement. No I/O.
"""

from dataclasses import dataclass, replace

from spark_lsp.request import Part, PartKind, Request, Span
from spark_lsp.text.edits import Edit
from spark_lsp.text.lines import common_prefix_length, common_suffix_length
from spark_lsp.wire.client import ClientConnection

MOST_DOCUMENTS = 32
_OF_DOCUMENT = (PartKind.PREFIX, PartKind.TARGET, PartKind.SUFFIX)


@dataclass(slots=True)
class _Mirrored:
    version: int
    text: str


class Mirrors:
    """The documents that one gateway mirrors for us, the least recently used first."""

    def __init__(self) -> None:
        self._known: dict[str, _Mirrored] = {}

    def forget(self, uri: str) -> None:
        """Note that the gateway's mirror of a document is not correct."""
        self._known.pop(uri, None)

    def cite(self, request: Request, connection: ClientConnection) -> Request:
        """Queue the changes of the request's document; return the request with ranges of its mirror."""
        bare = tuple(replace(part, span=None) for part in request.parts)
        if not request.origin or not any(part.kind in _OF_DOCUMENT for part in bare):
            return replace(request, parts=bare)
        texts = {kind: request.text_of(kind) for kind in _OF_DOCUMENT}
        version = self._update(request, "".join(texts.values()), connection)
        parts = [part for part in bare if part.kind not in _OF_DOCUMENT]
        start = 0
        for kind, text in texts.items():
            span = Span(request.origin, version, start, start + len(text))
            if text or kind is not PartKind.TARGET:
                parts.append(Part(kind, text, request.origin, span))
            start += len(text)
        return replace(request, parts=tuple(parts))

    def _update(self, request: Request, text: str, connection: ClientConnection) -> int:
        """Bring a mirror up to date; return its version."""
        uri = request.origin
        known = self._known.pop(uri, None)
        if known is None:
            known = _Mirrored(1, text)
            connection.open_document(uri, request.language, known.version, text)
        elif known.text != text:
            known.version += 1
            edit = _find_edit(known.text, text)
            if not connection.edit_document(uri, known.version, [edit], len(text)):
                connection.open_document(uri, request.language, known.version, text)
            known.text = text
        self._known[uri] = known
        if len(self._known) > MOST_DOCUMENTS:
            oldest = next(iter(self._known))
            del self._known[oldest]
            connection.close_document(oldest)
        return known.version


def _find_edit(old: str, new: str) -> Edit:
    start = common_prefix_length(old, new)
    kept = common_suffix_length(old[start:], new[start:])
    return Edit(start, len(old) - kept, new[start : len(new) - kept])
