"""Every message of the wire, as data.

The public part is OpenAI's Responses API over a WebSocket: a client sends `response.create`, the server
streams the events of the answer, and `stream_id` names the lane a request and its events belong to.
`spark.v1` adds what that lacks: cancelling, settings, mirrored documents, a greeting. A message is one
JSON object; its `type` says which of these structs it is.

Unknown fields are ignored in both directions; what is empty is left out. Public event shapes follow
`openai.types.responses`; a test validates ours against those types.
"""

from typing import Any, Literal

import msgspec

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
    """The client has read so many deltas, of so many bytes of text, on this lane."""

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
    """Go on with the mirrors of an earlier connection: `session` is what its hello said."""

    session: str
    documents: list[DocRef]


class Configure(Frame, tag="spark.configure", tag_field="type", kw_only=True):
    """Settings of the editor, for this session only.

    `keys` are the environment variables named by `key_env` of approved engines, with their values. A client
    sends them to the gateway of its own user alone, which keeps them in memory while the session lasts.
    """

    engines: dict[str, Any] = {}
    routes: dict[str, list[str]] = {}
    budget: dict[str, Any] = {}
    keys: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Configure(engines={self.engines!r}, routes={self.routes!r}, budget={self.budget!r})"


class DocOpen(Frame, tag="spark.doc.open", tag_field="type", kw_only=True):
    """Mirror a document: `text` is its beginning, `length` the whole length in code points.

    The rest follows in `spark.doc.chunk`s; `hash` is that of the whole text.
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
    """After a rest: the hash that the mirror should have; a mismatch is answered by a resync."""

    doc: str
    version: int
    hash: str


class DocFocus(Frame, tag="spark.doc.focus", tag_field="type", kw_only=True):
    """The cursor rests at `offset`: an engine may prefill for it."""

    doc: str
    version: int
    offset: int


class DocClose(Frame, tag="spark.doc.close", tag_field="type", kw_only=True):
    """Forget a document."""

    doc: str


DocFrame = DocOpen | DocChunk | DocEdit | DocCheck | DocFocus | DocClose
ClientFrame = Create | Steer | Cancel | GiveCredit | Resume | Configure | DocFrame


# What a server sends besides the public events


class EngineFrame(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An engine as `spark.hello` and `spark.status` list it."""

    name: str
    kind: str
    model: str
    simulated: bool = False
    context_tokens: int = 0
    prefill_tokens_per_s: float = 0.0
    state: Literal["ready", "starting", "degraded", "off"] = "ready"
    reason: str = ""
    code: str = ""
    source: str = ""


class Challenge(Frame, tag="spark.challenge", tag_field="type", kw_only=True):
    """In hello's place where the client has sent a nonce and no token: each proves that it knows it."""

    nonce: str
    proof: str


class CreditLimits(msgspec.Struct, kw_only=True):
    """How much text may be on its way unread: deltas and their bytes, a lane and the connection."""

    lane_events: int
    lane_bytes: int
    events: int
    bytes: int


class Hello(Frame, tag="spark.hello", tag_field="type", kw_only=True):
    """The server's first message: who it is, its limits, its engines, and which serves each route.

    `session` names the mirrors of this connection: a later one can go on with them (`spark.resume`).
    """

    version: str
    session: str = ""
    credit: CreditLimits | None = None
    max_in_flight: int
    max_lanes: int
    max_message_bytes: int
    engines: list[EngineFrame]
    serving: dict[str, str] = {}


class Status(Frame, tag="spark.status", tag_field="type", kw_only=True):
    """The engines' state has changed; `problems` lists settings of this session that are not used.

    `serving` names the engine that each route would ask now.
    """

    engines: list[EngineFrame]
    serving: dict[str, str] = {}
    problems: list[str] = []


class DocResync(Frame, tag="spark.doc.resync", tag_field="type", kw_only=True):
    """The mirror of this document is not what it should be: send it whole."""

    doc: str


class GoAway(Frame, tag="spark.goaway", tag_field="type", kw_only=True):
    """The server will end; open the next connection, then leave this one."""

    reason: str = ""


class SparkTiming(msgspec.Struct, omit_defaults=True, kw_only=True):
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
    true_ttft_ms: float = 0.0
    true_decode_ms: float = 0.0
    buffer_ms: float = 0.0
    source_limited: bool = False


class TimingFrame(Frame, tag="spark.timing", tag_field="type", kw_only=True):
    """Sent just before the terminal event of a response."""

    response_id: str
    stream_id: str | None = None
    timing: SparkTiming


# The public events, as a client of ours reads them


class ErrorBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The error object of the Responses API."""

    type: str = "invalid_request_error"
    code: str | None = None
    message: str = ""
    param: str | None = None


class Answerer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The `spark` object of `response.created`: who answers, in which form."""

    engine: str
    model: str
    format: str = "text"
    simulated: bool = False


class UsageDetails(msgspec.Struct, kw_only=True):
    """Details of input tokens."""

    cached_tokens: int = 0


class UsageFrame(msgspec.Struct, kw_only=True):
    """`usage` of the Responses API."""

    input_tokens: int = 0
    input_tokens_details: UsageDetails = msgspec.field(default_factory=UsageDetails)
    output_tokens: int = 0


class Incomplete(msgspec.Struct, kw_only=True):
    """Why a response ended early."""

    reason: str | None = None


class ResponseBody(msgspec.Struct, kw_only=True):
    """The parts of a response object that a client of ours needs."""

    id: str = ""
    model: str = ""
    usage: UsageFrame | None = None
    error: ErrorBody | None = None
    incomplete_details: Incomplete | None = None
    spark: Answerer | None = None


class ResponseEvent(msgspec.Struct, kw_only=True):
    """Any event that carries a response: created, completed, incomplete, failed …"""

    response: ResponseBody
    stream_id: str | None = None


class Delta(msgspec.Struct, kw_only=True):
    """`response.output_text.delta`."""

    delta: str
    stream_id: str | None = None


class ErrorEvent(msgspec.Struct, kw_only=True):
    """`error`: a request that failed before it became a response, or the connection."""

    error: ErrorBody
    status: int = 400
    stream_id: str | None = None
