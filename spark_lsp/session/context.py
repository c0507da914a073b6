"""Which parts of text go along with a request.

Offsets are code points. Every part cites its document's version, so that the wire sends a reference
where the gateway mirrors that version, and text where it does not.
"""

from collections.abc import Iterable

from spark_lsp.request import Effort, Part, PartKind, Request, Span, Task
from spark_lsp.text.document import Document


def part(kind: PartKind, document: Document, start: int, end: int) -> Part:
    """Return a range of a document as a part that cites it."""
    span = Span(document.uri, document.version, start, end)
    return Part(kind, document.text[start:end], document.uri, span)


def completion(document: Document, offset: int, *, max_lines: int = 0, model: str = "") -> Request:
    """Return the request to complete at `offset`."""
    parts = (
        part(PartKind.PREFIX, document, 0, offset),
        part(PartKind.SUFFIX, document, offset, len(document)),
    )
    return Request(
        Task.COMPLETE,
        parts,
        language=document.language,
        model=model,
        max_lines=max_lines,
        origin=document.uri,
    )


def edit(
    document: Document,
    target: tuple[int, int],
    action: str,
    instruction: str,
    diagnostics: Iterable[str] = (),
    effort: Effort = "balanced",
) -> Request:
    """Return the request to change `target` of a document."""
    start, end = target
    parts = [
        part(PartKind.PREFIX, document, 0, start),
        part(PartKind.TARGET, document, start, end),
        part(PartKind.SUFFIX, document, end, len(document)),
    ]
    parts += [Part(PartKind.DIAGNOSTIC, message) for message in diagnostics]
    return Request(
        Task.EDIT,
        tuple(parts),
        instruction,
        action,
        document.language,
        effort=effort,
        origin=document.uri,
    )
