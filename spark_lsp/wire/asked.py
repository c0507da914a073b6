"""Between `response.create` and a `Request`, in both directions.

A client of ours says in the `spark` object what is asked; any other client says it in `input`, the
Responses API's own way, and then it is a chat. Cited ranges are replaced by their text here, so that
nothing behind this file knows of mirrors.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Effort, Part, PartKind, Priority, Request, Span, Task
from spark_lsp.wire.frames import Asked, Create, PartFrame, Reasoning
from spark_lsp.wire.mirror import Mirror

EFFORTS: dict[str, Effort] = {"none": "fast", "minimal": "fast", "low": "fast", "medium": "balanced"}
REASONING: dict[Effort, str] = {"fast": "minimal", "balanced": "medium", "deep": "high"}


class UnknownDocument(RemoteProtocolError):
    """A request cites a document that the mirror does not have in that version."""

    def __init__(self, doc: str) -> None:
        super().__init__(
            "The request cites a document version that is not here",
            "It was not answered",
            "Send it again",
            code="document_unknown",
        )
        self.doc = doc


def request_of(frame: Create, mirror: Mirror, *, spark: bool) -> Request:
    """Return what is asked. Raises `RemoteProtocolError` for what cannot be served."""
    if frame.background:
        raise RemoteProtocolError("Background responses are not offered", code="unsupported_parameter")
    if frame.previous_response_id:
        raise _not_continued(frame.spark if spark else None)
    effort: Effort = "balanced"
    if frame.reasoning is not None and frame.reasoning.effort:
        effort = EFFORTS.get(frame.reasoning.effort, "deep")
    if spark and frame.spark is not None:
        return _request_of_ours(frame, frame.spark, mirror, effort)
    return Request(
        Task.CHAT,
        instruction=chat_text(frame.instructions, frame.input),
        model=frame.model or "",
        effort=effort,
        max_tokens=frame.max_output_tokens or 0,
    )


def _not_continued(asked: Asked | None) -> RemoteProtocolError:
    """An answer without the past that the request builds on would be wrong and look right."""
    if asked is not None and asked.task == "complete":
        return RemoteProtocolError("A completion cannot continue a response", code="invalid_request_error")
    return RemoteProtocolError(
        "The previous response is not here",
        "This request was not answered",
        "Send the whole context without previous_response_id",
        code="previous_response_not_found",
    )


def _request_of_ours(frame: Create, asked: Asked, mirror: Mirror, effort: Effort) -> Request:
    return Request(
        Task(asked.task),
        tuple(_part(part, mirror) for part in asked.parts),
        asked.instruction,
        asked.action,
        asked.language,
        frame.model or "",
        effort,
        asked.max_lines,
        frame.max_output_tokens or 0,
        Priority(asked.priority),
        asked.origin,
    )


def _part(part: PartFrame, mirror: Mirror) -> Part:
    if part.kind not in set(PartKind):
        raise RemoteProtocolError(f"There is no kind of part {part.kind!r}", code="invalid_request_error")
    kind = PartKind(part.kind)
    if part.text is not None:
        return Part(kind, part.text, part.uri)
    if part.range is None:
        raise RemoteProtocolError("A part has neither text nor a range", code="invalid_request_error")
    replica = mirror.find(part.doc, part.version)
    if replica is None:
        raise UnknownDocument(part.doc)
    start, end = part.range
    if not 0 <= start <= end <= replica.length:
        raise RemoteProtocolError("A cited range lies outside its document", code="invalid_request_error")
    span = Span(replica.uri, part.version, start, end)
    return Part(kind, replica.text[start:end], part.uri or replica.uri, span)


def chat_text(instructions: str | None, given: str | list[Any] | None) -> str:
    """Return the text of `input` with its instructions. Raises `RemoteProtocolError` for images."""
    parts = [instructions or ""]
    items: list[Any] = [given] if isinstance(given, str) else given or []
    for item in items:
        parts += _texts(item)
    return "\n\n".join(part for part in parts if part)


def _texts(item: Any) -> Iterable[str]:
    if isinstance(item, str):
        return [item]
    if not isinstance(item, dict):
        raise RemoteProtocolError("An input item must be an object", code="invalid_request_error")
    fields = cast(dict[str, Any], item)
    content: Any = fields.get("content", fields.get("output", ""))
    if isinstance(content, str):
        return [content]
    contents = cast(list[Any], content) if isinstance(content, list) else []
    return [_content_text(each) for each in contents]


def _content_text(content: Any) -> str:
    fields = cast(dict[str, Any], content) if isinstance(content, dict) else {}
    kind = str(fields.get("type", ""))
    if "image" in kind or "audio" in kind or "file" in kind:
        raise RemoteProtocolError("Engines here read text only", code="unsupported_content")
    return str(fields.get("text", ""))


Cite = Callable[[Span], str | None]
"""Returns the wire's name of a document if its mirror has the span's version."""


def frame_of(request: Request, stream_id: str, cite: Cite) -> Create:
    """Return the message for a request to a peer that speaks spark.v1."""
    asked = Asked(
        task=request.task.value,
        instruction=request.instruction,
        action=request.action,
        language=request.language,
        parts=[_part_frame(part, cite) for part in request.parts],
        max_lines=request.max_lines,
        origin=request.origin,
        priority=request.priority.value,
    )
    return _create(request, stream_id, spark=asked)


def plain_frame_of(request: Request, stream_id: str) -> Create:
    """Return the message for a request to a peer that knows only the public protocol."""
    sections = [f"<{part.kind.value}>\n{part.text}\n</{part.kind.value}>" for part in request.parts]
    return _create(request, stream_id, text="\n\n".join([*sections, request.instruction]))


def _create(
    request: Request, stream_id: str, *, text: str | None = None, spark: Asked | None = None
) -> Create:
    return Create(
        stream_id=stream_id,
        model=request.model or None,
        input=text,
        max_output_tokens=request.max_tokens or None,
        reasoning=Reasoning(effort=REASONING[request.effort]) if request.effort != "balanced" else None,
        spark=spark,
    )


def _part_frame(part: Part, cite: Cite) -> PartFrame:
    doc = cite(part.span) if part.span is not None else None
    if doc is None or part.span is None:
        return PartFrame(kind=part.kind.value, text=part.text, uri=part.uri)
    span = part.span
    return PartFrame(kind=part.kind.value, doc=doc, version=span.version, range=(span.start, span.end))
