"""The events of a response, as data. `sequence_number` and `stream_id` are set when an event is written.

The shapes follow `openai.types.responses`. Fields that our client does not need are `Any`, so that it can
read the responses of other servers.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from spark_lsp.answer_events import Finished, Timing, Usage
from spark_lsp.wire.frames import ErrorBody, LaneName, ServerMessage


class SparkTiming(msgspec.Struct, kw_only=True):
    """Where an answer's time went, in milliseconds, as `Timing` of the request room.

    `ttft_ms` is from the request to the first token, `overhead_ms` the time of the gateway besides the
    engine, `tokens` the number of the engine's tokens. The last four fields are set if `simulated`.
    """

    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    ttft_ms: float = 0.0
    overhead_ms: float = 0.0
    tokens: int = 0
    simulated: bool = False
    true_ttft_ms: float | UnsetType = UNSET
    true_decode_ms: float | UnsetType = UNSET
    buffer_ms: float | UnsetType = UNSET
    source_limited: bool | UnsetType = UNSET

    @classmethod
    def of(cls, finished: Finished, overhead_ms: float) -> "SparkTiming":
        """Return the timing of a finished answer."""
        spent = finished.timing
        made = cls(
            queue_ms=spent.queue_ms,
            prefill_ms=spent.prefill_ms,
            decode_ms=spent.decode_ms,
            ttft_ms=spent.ttft_ms,
            overhead_ms=overhead_ms,
            tokens=finished.usage.output_tokens,
            simulated=spent.simulated,
        )
        if spent.simulated:
            made.true_ttft_ms = spent.true_ttft_ms
            made.true_decode_ms = spent.true_decode_ms
            made.buffer_ms = spent.buffer_ms
            made.source_limited = spent.source_limited
        return made

    @property
    def spent(self) -> Timing:
        """The same in terms of the request room."""
        return Timing(
            self.queue_ms,
            self.prefill_ms,
            self.decode_ms,
            self.simulated,
            self.true_ttft_ms or 0.0,
            self.true_decode_ms or 0.0,
            self.buffer_ms or 0.0,
            self.source_limited or False,
        )


class Event(ServerMessage, kw_only=True):
    """Base of the events of an answer."""


class TimingFrame(Event, tag="spark.timing", tag_field="type", kw_only=True):
    """Sent just before the terminal event of a response."""

    response_id: str
    timing: SparkTiming
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class DraftFrame(Event, tag="spark.draft", tag_field="type", kw_only=True):
    """A proposal without a model, copied from the mirrored documents; sent before the first text, if at all.

    It is no part of the response's text. `match_tokens` tokens before the cursor agree with the source;
    `agreement` is the share of the `count` sources that continue with its first line.
    """

    text: str
    match_tokens: int = 0
    agreement: float = 1.0
    count: int = 1
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class Answerer(msgspec.Struct, kw_only=True):
    """The `spark` object of `response.created`: the engine, and the form of its answer.

    `route` is the code of the reason for which a route of several engines chose this one.
    """

    engine: str
    model: str
    format: str = "text"
    simulated: bool = False
    route: str | UnsetType = UNSET


class InputDetails(msgspec.Struct, kw_only=True):
    """Details of input tokens."""

    cached_tokens: int = 0
    cache_write_tokens: Any = 0


class OutputDetails(msgspec.Struct, kw_only=True):
    """Details of output tokens."""

    reasoning_tokens: int = 0


class UsageFrame(msgspec.Struct, kw_only=True):
    """`usage` of the Responses API."""

    input_tokens: int = 0
    input_tokens_details: InputDetails = msgspec.field(default_factory=InputDetails)
    output_tokens: int = 0
    output_tokens_details: Any = msgspec.field(default_factory=OutputDetails)
    total_tokens: Any = 0

    @classmethod
    def of(cls, used: Usage) -> "UsageFrame":
        """Return the tokens of an answer."""
        return cls(
            input_tokens=used.input_tokens,
            input_tokens_details=InputDetails(cached_tokens=used.cached_tokens),
            output_tokens=used.output_tokens,
            total_tokens=used.input_tokens + used.output_tokens,
        )

    @property
    def used(self) -> Usage:
        """The same in terms of the request room."""
        return Usage(self.input_tokens, self.output_tokens, self.input_tokens_details.cached_tokens)


class Incomplete(msgspec.Struct, kw_only=True):
    """Why a response ended early."""

    reason: str | None = None


class OutputText(msgspec.Struct, tag="output_text", tag_field="type", kw_only=True):
    """The one content part of an answer."""

    text: str
    annotations: list[Any] = []
    logprobs: list[Any] = []


class OutputMessage(msgspec.Struct, kw_only=True):
    """The one output item of an answer."""

    id: str
    type: str = "message"
    role: str = "assistant"
    status: str
    content: list[OutputText]


class ResponseBody(msgspec.Struct, kw_only=True):
    """A response object with all fields that the public types demand.

    Our client needs a few of them. The others are `Any`, so that it can read the responses of other servers.
    """

    id: str = ""
    object: Any = "response"
    created_at: Any = 0.0
    status: Any = ""
    model: str = ""
    output: Any = []
    error: ErrorBody | None = None
    incomplete_details: Incomplete | None = None
    instructions: Any = None
    metadata: Any = {}
    parallel_tool_calls: Any = False
    previous_response_id: Any = None
    temperature: Any = None
    tool_choice: Any = "none"
    tools: Any = []
    top_p: Any = None
    usage: UsageFrame | UnsetType | None = UNSET
    spark: Answerer | UnsetType | None = UNSET


class ResponseEvent(Event, kw_only=True):
    """Base of the events that carry a response."""

    response: ResponseBody
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class Created(ResponseEvent, tag="response.created", tag_field="type", kw_only=True):
    """The response has begun."""


class InProgress(ResponseEvent, tag="response.in_progress", tag_field="type", kw_only=True):
    """The same again, for the public protocol."""


class Completed(ResponseEvent, tag="response.completed", tag_field="type", kw_only=True):
    """The response is complete."""


class CutShort(ResponseEvent, tag="response.incomplete", tag_field="type", kw_only=True):
    """The response has ended early; `incomplete_details` say why."""


class Broken(ResponseEvent, tag="response.failed", tag_field="type", kw_only=True):
    """The response has ended with an error."""


class ItemAdded(Event, tag="response.output_item.added", tag_field="type", kw_only=True):
    """The message of an answer begins."""

    output_index: int = 0
    item: OutputMessage
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class PartAdded(Event, tag="response.content_part.added", tag_field="type", kw_only=True):
    """The text of an answer begins."""

    item_id: str
    output_index: int = 0
    content_index: int = 0
    part: OutputText
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class Delta(Event, tag="response.output_text.delta", tag_field="type", kw_only=True):
    """Some more text.

    `confidence` is the geometric mean of the probabilities of the answer's tokens so far. It is set for a
    spark.v1 client that wants it (`scored`), if the engine reports it. Public clients never get it.
    """

    item_id: Any = ""
    output_index: Any = 0
    content_index: Any = 0
    delta: str
    logprobs: Any = msgspec.field(default_factory=list[Any])
    confidence: Any = UNSET
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class TextDone(Event, tag="response.output_text.done", tag_field="type", kw_only=True):
    """The complete text."""

    item_id: str
    output_index: int = 0
    content_index: int = 0
    text: str
    logprobs: list[Any] = msgspec.field(default_factory=list[Any])
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class PartDone(Event, tag="response.content_part.done", tag_field="type", kw_only=True):
    """The text of an answer has ended."""

    item_id: str
    output_index: int = 0
    content_index: int = 0
    part: OutputText
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class ItemDone(Event, tag="response.output_item.done", tag_field="type", kw_only=True):
    """The message of an answer has ended."""

    output_index: int = 0
    item: OutputMessage
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class SteerRef(msgspec.Struct, kw_only=True):
    """The response that a steer changes, and the rejected input."""

    id: str | UnsetType = UNSET
    previous_response_id: str
    input: str | list[Any] | UnsetType | None = UNSET


class SteerAccepted(Event, tag="response.steer.accepted", tag_field="type", kw_only=True):
    """The server has accepted the input of a steer."""

    steer: SteerRef
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class SteerFailed(Event, tag="response.steer.failed", tag_field="type", kw_only=True):
    """The server has rejected the input of a steer and returns it."""

    steer: SteerRef
    error: ErrorBody
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class PublicTiming(Event, tag="responsesapi.websocket_timing", tag_field="type", kw_only=True):
    """The public form of `spark.timing`, for clients that requested it in the handshake."""

    timing_metrics: dict[str, float]
    time_info: dict[str, float] | UnsetType = UNSET
    sequence_number: int = 0
    stream_id: LaneName = UNSET


AnswerEvent = (
    TimingFrame | DraftFrame | ResponseEvent | ItemAdded | PartAdded | Delta | TextDone | PartDone | ItemDone
) | (SteerAccepted | SteerFailed | PublicTiming)
Terminal = Completed | CutShort | Broken
