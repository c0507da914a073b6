"""Converts between `response.create` and `Request`, in both directions.

A spark.v1 client describes the request in the `spark` object. For all other clients, the request is a chat
from `input`, as in the Responses API. Ranges of mirrored documents are replaced by their text here, so that
engines need not know replicas.
"""

from collections.abc import Callable
from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import (
    BESIDE,
    Effort,
    Objection,
    Part,
    PartKind,
    Priority,
    ProjectLimit,
    Request,
    Span,
    Task,
)
from spark_lsp.wire.conversation import read_turns
from spark_lsp.wire.frames import Create, PartFrame, Reasoning, RequestDetails
from spark_lsp.wire.replica_client import MirroredDocument
from spark_lsp.wire.replica_store import ReplicaStore

EFFORT_OF: dict[str, Effort] = {"none": "fast", "minimal": "fast", "low": "fast", "medium": "balanced"}
PART_KINDS = {kind.value: kind for kind in PartKind}
REASONING_OF: dict[Effort, str] = {"fast": "minimal", "balanced": "medium", "deep": "high"}


class UnknownDocument(RemoteProtocolError):
    """A request names a document version that the gateway does not have."""

    def __init__(self, doc: str) -> None:
        super().__init__(
            "The request cites a document version that is not here",
            "It was not answered",
            "Send it again",
            code=Code.DOCUMENT_UNKNOWN,
        )
        self.doc = doc


ReportMissing = Callable[[str], object]
"""Takes the name of a document that a request's context cites and the gateway does not have."""


def read_request(
    frame: Create, replicas: ReplicaStore, report_missing: ReportMissing = lambda _: None, *, spark: bool
) -> Request:
    """Return the request of a message, without its instructions and the conversation before it.

    With `spark`, its `spark` object describes the request.

    Raises `RemoteProtocolError` for a request that the gateway does not serve.
    """
    details = frame.spark if spark else None
    if frame.background:
        raise RemoteProtocolError("Background responses are not offered", code=Code.UNSUPPORTED_PARAMETER)
    if frame.previous_response_id and details is not None and (details.at or details.task == "complete"):
        raise RemoteProtocolError("A completion cannot continue a response", code=Code.INVALID_REQUEST)
    if details is None:
        return _read_chat(frame)
    return _read_spark_request(frame, details, replicas, report_missing)


def _read_effort(frame: Create) -> Effort:
    named = frame.reasoning.effort if frame.reasoning is not None else None
    return EFFORT_OF.get(named, "deep") if named else "balanced"


def _is_warm(frame: Create) -> bool:
    options = frame.prompt_cache_options
    return frame.generate is False or (options is not None and options.prewarm is True)


def _read_chat(frame: Create) -> Request:
    turns = read_turns(frame.input)
    return Request(
        Task.CHAT,
        instruction=turns[-1].text if turns else "",
        model=frame.model or "",
        effort=_read_effort(frame),
        max_tokens=frame.max_output_tokens or 0,
        history=turns[:-1],
        warm=_is_warm(frame),
    )


def _read_spark_request(
    frame: Create, details: RequestDetails, replicas: ReplicaStore, report_missing: ReportMissing
) -> Request:
    if details.at is not None:
        context = _read_context(details.context, replicas, report_missing)
        position = _read_position(details.at, context, replicas)
        task = Task.COMPLETE
    else:
        parts = tuple(_read_part(part, replicas) for part in details.parts)
        position = _Position(parts, "", "")
        task = Task(details.task)
    return Request(
        task,
        position.parts,
        details.instruction,
        details.action,
        details.language or position.language,
        frame.model or "",
        _read_effort(frame),
        max_lines=details.max_lines,
        max_tokens=frame.max_output_tokens or 0,
        priority=Priority(details.priority),
        origin=details.origin or position.uri,
        warm=_is_warm(frame),
        stop=tuple(details.stop),
        attempt=details.attempt,
        starts=tuple(details.starts),
        avoided=details.avoided,
        scored=details.scored,
        history=read_turns(frame.input),
        objection=Objection(details.answer, details.objection) if details.objection else None,
        limits=tuple(ProjectLimit(*each) for each in details.limits),
    )


@dataclass(frozen=True, slots=True)
class _Position:
    """The parts, the language and the origin that `at` means."""

    parts: tuple[Part, ...]
    language: str
    uri: str


def _is_missing(part: PartFrame, replicas: ReplicaStore) -> bool:
    return part.text is None and replicas.find(part.doc, part.version) is None


def _read_context(
    parts: list[PartFrame], replicas: ReplicaStore, report_missing: ReportMissing
) -> tuple[Part, ...]:
    """Return the parts beside the document. A part that the gateway does not have costs no request."""
    missing = [part for part in parts if _is_missing(part, replicas)]
    for doc in dict.fromkeys(part.doc for part in missing):
        report_missing(doc)
    found = tuple(_read_part(part, replicas) for part in parts if part not in missing)
    if any(part.kind not in BESIDE for part in found):
        raise RemoteProtocolError("`context` has a part of the document", code=Code.INVALID_REQUEST)
    return found


def _read_position(at: tuple[str, int, int], context: tuple[Part, ...], replicas: ReplicaStore) -> _Position:
    doc, version, offset = at
    prefix = _read_range(PartKind.PREFIX, doc, version, (0, offset), replicas)
    suffix = _read_range(PartKind.SUFFIX, doc, version, (offset, None), replicas)
    replica = replicas.find(doc, version)
    assert replica is not None  # otherwise `_read_range` has raised
    return _Position((*context, prefix, suffix), replica.language, replica.uri)


def _read_part(part: PartFrame, replicas: ReplicaStore) -> Part:
    kind = PART_KINDS.get(part.kind)
    if kind is None:
        raise RemoteProtocolError(f"There is no kind of part {part.kind!r}", code=Code.INVALID_REQUEST)
    if part.text is not None:
        return Part(kind, part.text, part.uri)
    if part.range is None:
        raise RemoteProtocolError("A part has neither text nor a range", code=Code.INVALID_REQUEST)
    return _read_range(kind, part.doc, part.version, part.range, replicas, part.uri)


def _read_range(
    kind: PartKind,
    doc: str,
    version: int,
    span_range: tuple[int, int | None],
    replicas: ReplicaStore,
    uri: str = "",
) -> Part:
    """Return the part for a range of a mirrored document. Without an end, the range has the rest of it."""
    replica = replicas.find(doc, version)
    if replica is None:
        raise UnknownDocument(doc)
    start = span_range[0]
    end = replica.length if span_range[1] is None else span_range[1]
    if not 0 <= start <= end <= replica.length:
        raise RemoteProtocolError("A cited range lies outside its document", code=Code.INVALID_REQUEST)
    span = Span(replica.uri, version, start, end)
    return Part(kind, replica.text[start:end], uri or replica.uri, span)


FindMirrored = Callable[[Span], MirroredDocument | None]
"""Returns the document of a span, if the gateway has the span's version."""


def make_create(request: Request, stream_id: str, find_mirrored: FindMirrored) -> Create:
    """Return the message for a request to a spark.v1 gateway."""
    position = _make_position(request, find_mirrored)
    details = RequestDetails(
        task="chat" if position else request.task.value,
        instruction=request.instruction,
        action=request.action,
        max_lines=request.max_lines,
        priority=request.priority.value,
        at=position,
        stop=list(request.stop),
        attempt=request.attempt,
        starts=list(request.starts),
        avoided=request.avoided,
        scored=request.scored,
        limits=[(each.project, each.tokens, each.money, each.currency) for each in request.limits],
    )
    if position is not None:
        beside = (part for part in request.parts if part.kind in BESIDE)
        details.context = [_make_part(part, find_mirrored) for part in beside]
    else:
        if request.objection is not None:
            details.answer, details.objection = request.objection.answer, request.objection.reason
        details.parts = [_make_part(part, find_mirrored) for part in request.parts]
        details.language = request.language
        details.origin = request.origin
    return _make_create(request, stream_id, details)


def _make_position(request: Request, find_mirrored: FindMirrored) -> tuple[str, int, int] | None:
    """Return `at` for a request that it can replace, else None."""
    around = [part for part in request.parts if part.kind not in BESIDE]
    kinds = [part.kind for part in around]
    if request.task is not Task.COMPLETE or kinds != [PartKind.PREFIX, PartKind.SUFFIX]:
        return None
    before, after = (part.span for part in around)
    if before is None or after is None or before.end != after.start or before.start:
        return None
    known = find_mirrored(before)
    other = find_mirrored(after)
    if known is None or known is not other or after.end != known.length:
        return None
    if request.language != known.language or request.origin != before.doc:
        return None
    return known.doc, before.version, before.end


def _make_create(request: Request, stream_id: str, spark: RequestDetails) -> Create:
    is_default_effort = request.effort == "balanced"
    return Create(
        stream_id=stream_id,
        model=request.model or None,
        max_output_tokens=request.max_tokens or None,
        reasoning=None if is_default_effort else Reasoning(effort=REASONING_OF[request.effort]),
        input=[{"role": turn.role, "content": turn.text} for turn in request.history] or None,
        generate=False if request.warm else None,
        spark=spark,
    )


def _make_part(part: Part, find_mirrored: FindMirrored) -> PartFrame:
    known = find_mirrored(part.span) if part.span is not None else None
    if known is None or part.span is None:
        return PartFrame(kind=part.kind.value, text=part.text, uri=part.uri)
    span = part.span
    uri = "" if part.uri == span.doc else part.uri
    return PartFrame(
        kind=part.kind.value, doc=known.doc, version=span.version, range=(span.start, span.end), uri=uri
    )
