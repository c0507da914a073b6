"""Every message about the connection, and every request, as data; `response_frames` has the events of a
response.

The public part is OpenAI's Responses API over a WebSocket: a client sends `response.create`, the server
streams the events of the response, and `stream_id` names the lane of a request and its events. `spark.v1`
adds a greeting, cancelling, settings, flow control and mirrored documents. A message is one JSON object; its
`type` names one of these structs. One side writes the struct, and the other side reads the same one.

Both sides ignore unknown fields. A client omits empty fields; a server omits fields that are UNSET. Public
event shapes follow `openai.types.responses`; a test validates ours against those types.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from spark_lsp.request import EngineInfo

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


class RequestDetails(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The `spark` object of `response.create`: fields that the Responses API does not have.

    `at` is `(doc, version, offset)`. It means a completion there, with a prefix and a suffix that are the
    complete document, in its language and with it as the origin. Most keystrokes request exactly that.
    `context` has the parts beside the document, with `at` only; the gateway ignores those it does not know.
    `attempt` is 2 for a request whose first answer was of no use. The second one should begin with one of
    `starts`, and not with `avoided`. With `scored`, the deltas have the engine's confidence. `answer` and
    `objection` continue an edit: the first answer, and the reason why it cannot be used. `limits` are those
    of the project's own file: `[project, tokens, money, currency]` a day.
    """

    task: Literal["complete", "edit", "chat"] = "chat"
    instruction: str = ""
    action: str = ""
    language: str = ""
    parts: list[PartFrame] = []
    at: tuple[str, int, int] | None = None
    context: list[PartFrame] = []
    max_lines: int = 0
    origin: str = ""
    priority: Literal["interactive", "background"] = "interactive"
    stop: list[str] = []
    attempt: int = 1
    starts: list[str] = []
    avoided: str = ""
    scored: bool = False
    answer: str = ""
    objection: str = ""
    limits: list[tuple[str, int, float, str]] = []


class Reasoning(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`reasoning` of the Responses API; only the effort matters here."""

    effort: str | None = None


class CacheOptions(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`prompt_cache_options` of the Responses API; only `prewarm` matters here."""

    prewarm: bool | None = None


class Create(Frame, tag="response.create", tag_field="type", kw_only=True):
    """Request a response. A server without spark.v1 gets no `spark`."""

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
    spark: RequestDetails | None = None


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
    sends them only to its own user's gateway, which keeps them in memory until the session ends. Without
    `drafts`, the gateway sends no `spark.draft`.
    """

    engines: dict[str, Any] = {}
    routes: dict[str, list[str]] = {}
    budget: dict[str, Any] = {}
    keys: dict[str, str] = {}
    drafts: bool = True

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


class ServerMessage(Frame, omit_defaults=False, kw_only=True):
    """Base of what a server sends: it writes every field except the ones that are UNSET."""


class Challenge(ServerMessage, tag="spark.challenge", tag_field="type", kw_only=True):
    """Sent instead of hello to a client with a nonce and no token; both sides prove that they know it."""

    nonce: str
    proof: str


class CreditLimits(msgspec.Struct, kw_only=True):
    """How much text may be on its way unread: deltas and their bytes, a lane and the connection."""

    lane_events: int
    lane_bytes: int
    events: int
    bytes: int


class Hello(ServerMessage, tag="spark.hello", tag_field="type", kw_only=True):
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


class Status(ServerMessage, tag="spark.status", tag_field="type", kw_only=True):
    """The engines' state has changed; `problems` lists settings of this session that are not used.

    `serving` names the current engine of each route.
    """

    engines: list[EngineInfo]
    problems: list[str] = []
    serving: dict[str, str] = {}


class DocResync(ServerMessage, tag="spark.doc.resync", tag_field="type", kw_only=True):
    """The mirror of this document is not correct; send its full text."""

    doc: str


class GoAway(ServerMessage, tag="spark.goaway", tag_field="type", kw_only=True):
    """The server will end; open the next connection, then close this one."""

    reason: str = ""


class ErrorBody(msgspec.Struct, kw_only=True):
    """The error object of the Responses API; the one of a response has neither `type` nor `param`."""

    type: str | UnsetType = UNSET
    code: str | None = None
    message: str = ""
    param: str | UnsetType | None = UNSET


class ErrorEvent(ServerMessage, tag="error", tag_field="type", kw_only=True):
    """A request that failed before it became a response, or the connection."""

    status: int = 400
    error: ErrorBody
    stream_id: LaneName = UNSET
