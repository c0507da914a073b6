"""Selects the parts of documents that a request contains.

Offsets are code points. Every part refers to its document's version, so the wire sends a reference if the
gateway mirrors that version, and the text otherwise.
"""

from collections.abc import Iterable, Sequence

from spark_lsp.request import Effort, Message, Part, PartKind, Priority, Request, Span, Task
from spark_lsp.text.document import Document
from spark_lsp.text.lines import common_prefix_length, common_suffix_length


def cite_range(kind: PartKind, document: Document, start: int, end: int) -> Part:
    """Return a range of a document as a part that refers to its version."""
    span = Span(document.uri, document.version, start, end)
    return Part(kind, document.text[start:end], document.uri, span)


def build_completion(
    document: Document,
    offset: int,
    *,
    max_lines: int = 0,
    model: str = "",
    beside: Sequence[Part] = (),
) -> Request:
    """Return the request to complete at `offset`; `beside` is the context beside the document."""
    parts = (
        *beside,
        cite_range(PartKind.PREFIX, document, 0, offset),
        cite_range(PartKind.SUFFIX, document, offset, len(document)),
    )
    return Request(
        Task.COMPLETE,
        parts,
        language=document.language,
        model=model,
        max_lines=max_lines,
        origin=document.uri,
    )


def build_ahead(
    mirrored: Document,
    accepted: Document,
    offset: int,
    *,
    max_lines: int = 0,
    model: str = "",
    beside: Sequence[Part] = (),
) -> Request:
    """Return the request to complete at `offset` of the text that a mirrored document may become.

    It cites the mirrored document where the two texts agree, and has the lowest priority.
    """
    before, after = accepted.text[:offset], accepted.text[offset:]
    start = common_prefix_length(mirrored.text, before)
    end = len(mirrored) - common_suffix_length(mirrored.text[start:], after)
    kept_after = len(mirrored) - end
    uri = mirrored.uri
    parts = (
        *beside,
        cite_range(PartKind.PREFIX, mirrored, 0, start),
        Part(PartKind.PREFIX, before[start:], uri),
        Part(PartKind.SUFFIX, after[: len(after) - kept_after], uri),
        cite_range(PartKind.SUFFIX, mirrored, end, len(mirrored)),
    )
    return Request(
        Task.COMPLETE,
        tuple(part for part in parts if part.text or part.span is not None),
        language=mirrored.language,
        model=model,
        max_lines=max_lines,
        priority=Priority.BACKGROUND,
        origin=uri,
    )


def build_edit(
    document: Document,
    target: tuple[int, int],
    action: str,
    instruction: str,
    diagnostics: Iterable[str] = (),
    effort: Effort = "balanced",
    *,
    model: str = "",
    history: tuple[Message, ...] = (),
) -> Request:
    """Return the request to change `target` of a document."""
    start, end = target
    parts = [
        cite_range(PartKind.PREFIX, document, 0, start),
        cite_range(PartKind.TARGET, document, start, end),
        cite_range(PartKind.SUFFIX, document, end, len(document)),
    ]
    parts += [Part(PartKind.DIAGNOSTIC, message) for message in diagnostics]
    return Request(
        Task.EDIT,
        tuple(parts),
        instruction,
        action,
        document.language,
        model=model,
        effort=effort,
        origin=document.uri,
        history=history,
    )
