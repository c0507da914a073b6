"""Between `response.create` and a `Request`, in both directions.

A client of ours says in the `spark` object what is asked; any other client says it in `input`, the
Responses API's own way, and then it is a chat. Cited ranges are replaced by their text here, so that
nothing behind this file knows of mirrors.
"""

from collections.abc import Callable
from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Effort, Part, PartKind, Priority, Request, Span, Task
from spark_lsp.wire.conversation import turns_of
from spark_lsp.wire.frames import Asked, Create, PartFrame, Reasoning
from spark_lsp.wire.mirror import Mirror
from spark_lsp.wire.mirrored import Known

EFFORTS: dict[str, Effort] = {"none": "fast", "minimal": "fast", "low": "fast", "medium": "balanced"}
KINDS = {kind.value: kind for kind in PartKind}
REASONING: dict[Effort, str] = {"fast": "minimal", "balanced": "medium", "deep": "high"}


class UnknownDocument(RemoteProtocolError):
    """A request cites a document that the mirror does not have in that version."""

    def __init__(self, doc: str) -> None:
        super().__init__(
            "The request cites a document version that is not here",
            "It was not answered",
            "Send it again",
            code=Code.DOCUMENT_UNKNOWN,
        )
        self.doc = doc


def request_of(frame: Create, mirror: Mirror, *, spark: bool) -> Request:
    """Return what is asked, without its instructions and the conversation that it may continue.

    Raises `RemoteProtocolError` for what cannot be served.
    """
    asked = frame.spark if spark else None
    if frame.background:
        raise RemoteProtocolError("Background responses are not offered", code=Code.UNSUPPORTED_PARAMETER)
    if frame.previous_response_id and asked is not None and (asked.at or asked.task == "complete"):
        raise RemoteProtocolError("A completion cannot continue a response", code=Code.INVALID_REQUEST)
    return _chat(frame) if asked is None else _request_of_ours(frame, asked, mirror)


def _effort(frame: Create) -> Effort:
    named = frame.reasoning.effort if frame.reasoning is not None else None
    return EFFORTS.get(named, "deep") if named else "balanced"


def _warm(frame: Create) -> bool:
    options = frame.prompt_cache_options
    return frame.generate is False or (options is not None and options.prewarm is True)


def _chat(frame: Create) -> Request:
    turns = turns_of(frame.input)
    return Request(
        Task.CHAT,
        instruction=turns[-1].text if turns else "",
        model=frame.model or "",
        effort=_effort(frame),
        max_tokens=frame.max_output_tokens or 0,
        history=turns[:-1],
        warm=_warm(frame),
    )


def _request_of_ours(frame: Create, asked: Asked, mirror: Mirror) -> Request:
    brief = _around(asked.at, mirror) if asked.at is not None else None
    return Request(
        Task.COMPLETE if brief else Task(asked.task),
        brief.parts if brief else tuple(_part(part, mirror) for part in asked.parts),
        asked.instruction,
        asked.action,
        asked.language or (brief.language if brief else ""),
        frame.model or "",
        _effort(frame),
        max_lines=asked.max_lines,
        max_tokens=frame.max_output_tokens or 0,
        priority=Priority(asked.priority),
        origin=asked.origin or (brief.uri if brief else ""),
        warm=_warm(frame),
    )


@dataclass(frozen=True, slots=True)
class _Around:
    """What `at` is short for."""

    parts: tuple[Part, ...]
    language: str
    uri: str


def _around(at: tuple[str, int, int], mirror: Mirror) -> _Around:
    doc, version, offset = at
    pair = ((PartKind.PREFIX, (0, offset)), (PartKind.SUFFIX, (offset, None)))
    parts = [_cited(kind, doc, version, span, mirror) for kind, span in pair]
    replica = mirror.find(doc, version)
    assert replica is not None  # `_cited` has raised otherwise
    return _Around(tuple(parts), replica.language, replica.uri)


def _part(part: PartFrame, mirror: Mirror) -> Part:
    kind = KINDS.get(part.kind)
    if kind is None:
        raise RemoteProtocolError(f"There is no kind of part {part.kind!r}", code=Code.INVALID_REQUEST)
    if part.text is not None:
        return Part(kind, part.text, part.uri)
    if part.range is None:
        raise RemoteProtocolError("A part has neither text nor a range", code=Code.INVALID_REQUEST)
    return _cited(kind, part.doc, part.version, part.range, mirror, part.uri)


def _cited(
    kind: PartKind, doc: str, version: int, cited: tuple[int, int | None], mirror: Mirror, uri: str = ""
) -> Part:
    """Return the part that a range of a mirrored document is; without an end it goes to the document's."""
    replica = mirror.find(doc, version)
    if replica is None:
        raise UnknownDocument(doc)
    start, end = cited[0], replica.length if cited[1] is None else cited[1]
    if not 0 <= start <= end <= replica.length:
        raise RemoteProtocolError("A cited range lies outside its document", code=Code.INVALID_REQUEST)
    span = Span(replica.uri, version, start, end)
    return Part(kind, replica.text[start:end], uri or replica.uri, span)


Cite = Callable[[Span], Known | None]
"""Returns what is mirrored of a span's document if the mirror has the span's version."""


def frame_of(request: Request, stream_id: str, cite: Cite) -> Create:
    """Return the message for a request to a peer that speaks spark.v1."""
    brief = _brief(request, cite)
    asked = Asked(
        task="chat" if brief else request.task.value,
        instruction=request.instruction,
        action=request.action,
        max_lines=request.max_lines,
        priority=request.priority.value,
        at=brief,
    )
    if brief is None:
        asked.parts = [_part_frame(part, cite) for part in request.parts]
        asked.language, asked.origin = request.language, request.origin
    return _create(request, stream_id, asked)


def _brief(request: Request, cite: Cite) -> tuple[str, int, int] | None:
    """Return `at` for a request that it can stand for."""
    if request.task is not Task.COMPLETE or [part.kind for part in request.parts] != [
        PartKind.PREFIX,
        PartKind.SUFFIX,
    ]:
        return None
    before, after = (part.span for part in request.parts)
    if before is None or after is None or before.end != after.start or before.start:
        return None
    known, other = cite(before), cite(after)
    if known is None or known is not other or after.end != known.length:
        return None
    if request.language != known.language or request.origin != before.doc:
        return None
    return known.doc, before.version, before.end


def _create(request: Request, stream_id: str, spark: Asked) -> Create:
    return Create(
        stream_id=stream_id,
        model=request.model or None,
        max_output_tokens=request.max_tokens or None,
        reasoning=Reasoning(effort=REASONING[request.effort]) if request.effort != "balanced" else None,
        generate=False if request.warm else None,
        spark=spark,
    )


def _part_frame(part: Part, cite: Cite) -> PartFrame:
    known = cite(part.span) if part.span is not None else None
    if known is None or part.span is None:
        return PartFrame(kind=part.kind.value, text=part.text, uri=part.uri)
    span = part.span
    return PartFrame(kind=part.kind.value, doc=known.doc, version=span.version, range=(span.start, span.end))
