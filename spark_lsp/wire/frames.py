"""Every message of the wire, as data.

The public part is OpenAI's Responses API over a WebSocket: a client sends `response.create`, the server
streams the events of the answer, and `stream_id` names the lane a request and its events belong to.
`spark.v1` adds what that lacks: cancelling, settings, mirrored documents, a greeting. A message is one
JSON object; its `type` says which of these structs it is. One side writes the struct, and the other side
reads the same one.

Unknown fields are ignored in both directions. A client leaves out what is empty; a server leaves out what is
UNSET. Public event shapes follow `openai.types.responses`; a test validates ours against those types.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from spark_lsp.request import EngineInfo, Finished, Timing, Usage

SUBPROTOCOL = "spark.v1"
CHUNK_CHARS = 5_400  # at most 64 KiB as JSON, escapes included, so that no message blocks control for long


class Frame(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Base of all messages; `type` is added by the tag of each subclass."""


# What a client sends


class PartFrame(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One part of a request: a cited range of a mirrored document, or text."""

    kind: str
    doc: str = ""
    version: int = 0
    range: tuple[int, int] | None = None
    text: str | None = None
    uri: str = ""


class Asked(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The `spark` object of `response.create`: what the Responses API has no field for.

    `at` is `(doc, version, offset)`: short for a completion there, of a prefix and a suffix that are the
    whole document, in its language and with it as their origin. Most keys of a person ask just that.
    """

    task: Literal["complete", "edit", "chat"] = "chat"
    instruction: str = ""
    action: str = ""
    language: str = ""
    parts: list[PartFrame] = []
    at: tuple[str, int, int] | None = None
    max_lines: int = 0
    origin: str = ""
    priority: Literal["interactive", "background"] = "interactive"


class Reasoning(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`reasoning` of the Responses API; only the effort matters here."""

    effort: str | None = None


class CacheOptions(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`prompt_cache_options` of the Responses API; only `prewarm` matters here."""

    prewarm: bool | None = None


class Create(Frame, tag="response.create", tag_field="type", kw_only=True):
    """Ask for a response. `spark` is stripped when the server does not speak spark.v1."""

    stream_id: str | None = None
    model: str | None = None
    input: str | list[Any] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    reasoning: Reasoning | None = None
    previous_response_id: str | None = None
    background: bool | None = None
    generate: bool | None = None
    prompt_cache_options: CacheOptions | None = None
    spark: Asked | None = None


class Steer(Frame, tag="response.steer", tag_field="type", kw_only=True):
    """Change the course of a response under way: it ends, and a successor goes on with `input`."""

    previous_response_id: str
    input: str | list[Any]


class Cancel(Frame, tag="response.cancel", tag_field="type", kw_only=True):
    """End a response early, named by its lane or its id; idempotent (spark.v1)."""

    stream_id: str | None = None
    response_id: str | None = None


class GiveCredit(Frame, tag="spark.credit", tag_field="type", kw_only=True):
    """The client has read that many deltas and bytes of text on this lane."""

    stream_id: str | None = None
    events: int
    bytes: int


class Auth(Frame, tag="spark.auth", tag_field="type", kw_only=True):
    """The client's answer to `spark.challenge`."""

    proof: str


class DocRef(msgspec.Struct, array_like=True):
    """`[doc, version, hash]`: a document as the client has it."""

    doc: str
    version: int
    hash: str


class Resume(Frame, tag="spark.resume", tag_field="type", kw_only=True):
    """Resume the mirrors of an earlier connection; `session` is the name from its hello."""

    session: str
    documents: list[DocRef]


class Configure(Frame, tag="spark.configure", tag_field="type", kw_only=True):
    """Settings of the editor, for this session only.

    `keys` are the environment variables that `key_env` of approved engines names, with their values. A client
    sends them only to its own user's gateway, which keeps them in memory until the session ends.
    """

    engines: dict[str, Any] = {}
    routes: dict[str, list[str]] = {}
    budget: dict[str, Any] = {}
    keys: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Configure(engines={self.engines!r}, routes={self.routes!r}, budget={self.budget!r})"


class DocOpen(Frame, tag="spark.doc.open", tag_field="type", kw_only=True):
    """Mirror a document: `text` is its beginning, `length` the full length in code points.

    The rest follows in `spark.doc.chunk`s; `hash` is the hash of the full text.
    """

    doc: str
    uri: str
    language: str = ""
    version: int
    length: int
    hash: str
    text: str = ""


class DocChunk(Frame, tag="spark.doc.chunk", tag_field="type", kw_only=True):
    """More text of a document that is being opened."""

    doc: str
    version: int
    text: str


class EditFrame(msgspec.Struct, array_like=True):
    """One replacement: `[start, end, new]`; the edits of a message are made one after another."""

    start: int
    end: int
    new: str


class DocEdit(Frame, tag="spark.doc.edit", tag_field="type", kw_only=True):
    """Change a mirrored document from version `base` to `version`; `length` is checked."""

    doc: str
    base: int
    version: int
    edits: list[EditFrame]
    length: int


class DocCheck(Frame, tag="spark.doc.check", tag_field="type", kw_only=True):
    """The expected hash of the mirror, sent after a rest; the gateway answers a mismatch with a resync."""

    doc: str
    version: int
    hash: str


class DocFocus(Frame, tag="spark.doc.focus", tag_field="type", kw_only=True):
    """The cursor rests at `offset`; an engine may prefill for it."""

    doc: str
    version: int
    offset: int


class DocClose(Frame, tag="spark.doc.close", tag_field="type", kw_only=True):
    """Forget a document."""

    doc: str


DocFrame = DocOpen | DocChunk | DocEdit | DocCheck | DocFocus | DocClose
ClientFrame = Create | Steer | Cancel | GiveCredit | Resume | Configure | DocFrame


# What a server sends besides the public events


LaneName = str | UnsetType | None


class Said(Frame, omit_defaults=False, kw_only=True):
    """Base of what a server sends: it writes every field except the ones that are UNSET."""


class Challenge(Said, tag="spark.challenge", tag_field="type", kw_only=True):
    """Sent instead of hello to a client with a nonce and no token; both sides prove that they know it."""

    nonce: str
    proof: str


class CreditLimits(msgspec.Struct, kw_only=True):
    """How much text may be on its way unread: deltas and their bytes, a lane and the connection."""

    lane_events: int
    lane_bytes: int
    events: int
    bytes: int


class Hello(Said, tag="spark.hello", tag_field="type", kw_only=True):
    """The server's first message: its version, its limits, its engines, and the engine of each route.

    `session` names the mirrors of this connection; a later connection can resume them (`spark.resume`).
    """

    version: str
    session: str = ""
    max_in_flight: int
    max_lanes: int
    max_message_bytes: int
    credit: CreditLimits | None = None
    engines: list[EngineInfo]
    serving: dict[str, str] = {}


class Status(Said, tag="spark.status", tag_field="type", kw_only=True):
    """The engines' state has changed; `problems` lists settings of this session that are not used.

    `serving` names the current engine of each route.
    """

    engines: list[EngineInfo]
    problems: list[str] = []
    serving: dict[str, str] = {}


class DocResync(Said, tag="spark.doc.resync", tag_field="type", kw_only=True):
    """The mirror of this document is not correct; send its full text."""

    doc: str


class GoAway(Said, tag="spark.goaway", tag_field="type", kw_only=True):
    """The server will end; open the next connection, then close this one."""

    reason: str = ""


class SparkTiming(msgspec.Struct, kw_only=True):
    """Where an answer's time went, in milliseconds, as `Timing` of the request room.

    `ttft_ms` is from the request to the first token, `overhead_ms` what the gateway took besides the
    engine, `tokens` how many the engine gave. The last four come where `simulated`.
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
        """Return what a finished answer says of its time."""
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
            made.true_ttft_ms, made.true_decode_ms = spent.true_ttft_ms, spent.true_decode_ms
            made.buffer_ms, made.source_limited = spent.buffer_ms, spent.source_limited
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


class ErrorBody(msgspec.Struct, kw_only=True):
    """The error object of the Responses API; the one of a response has neither `type` nor `param`."""

    type: str | UnsetType = UNSET
    code: str | None = None
    message: str = ""
    param: str | UnsetType | None = UNSET


class ErrorEvent(Said, tag="error", tag_field="type", kw_only=True):
    """A request that failed before it became a response, or the connection."""

    status: int = 400
    error: ErrorBody
    stream_id: LaneName = UNSET


# The events of an answer. `sequence_number` and `stream_id` are set when an event is written.


class Event(Said, kw_only=True):
    """Base of the events of an answer."""


class TimingFrame(Event, tag="spark.timing", tag_field="type", kw_only=True):
    """Sent just before the terminal event of a response."""

    response_id: str
    timing: SparkTiming
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class Answerer(msgspec.Struct, kw_only=True):
    """The `spark` object of `response.created`: who answers, in which form."""

    engine: str
    model: str
    format: str = "text"
    simulated: bool = False


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

    A client of ours needs a few of them; the others are `Any`, so that it reads the responses of other
    servers whatever they hold.
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
    """The response is under way."""


class InProgress(ResponseEvent, tag="response.in_progress", tag_field="type", kw_only=True):
    """The same again, for the public protocol."""


class Completed(ResponseEvent, tag="response.completed", tag_field="type", kw_only=True):
    """The response has ended by itself."""


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
    """Some more text."""

    item_id: Any = ""
    output_index: Any = 0
    content_index: Any = 0
    delta: str
    logprobs: Any = []
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class TextDone(Event, tag="response.output_text.done", tag_field="type", kw_only=True):
    """The whole text."""

    item_id: str
    output_index: int = 0
    content_index: int = 0
    text: str
    logprobs: list[Any] = []
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
    """What a steer is about."""

    id: str | UnsetType = UNSET
    previous_response_id: str
    input: str | list[Any] | UnsetType | None = UNSET


class SteerAccepted(Event, tag="response.steer.accepted", tag_field="type", kw_only=True):
    """The input of a steer is the server's now."""

    steer: SteerRef
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class SteerFailed(Event, tag="response.steer.failed", tag_field="type", kw_only=True):
    """The input of a steer is given back."""

    steer: SteerRef
    error: ErrorBody
    sequence_number: int = 0
    stream_id: LaneName = UNSET


class PublicTiming(Event, tag="responsesapi.websocket_timing", tag_field="type", kw_only=True):
    """The public form of `spark.timing`, for those who asked for it in the handshake."""

    timing_metrics: dict[str, float]
    time_info: dict[str, float] | UnsetType = UNSET
    sequence_number: int = 0
    stream_id: LaneName = UNSET


AnswerEvent = (
    TimingFrame | ResponseEvent | ItemAdded | PartAdded | Delta | TextDone | PartDone | ItemDone
) | (SteerAccepted | SteerFailed | PublicTiming)
Terminal = Completed | CutShort | Broken
