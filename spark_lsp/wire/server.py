"""The gateway's end of a connection, without I/O.

Messages go in through `receive`, what an engine says through `answer` and `fail`; each returns the
events that the caller must act on. What is to be written is taken with `pop`, one message at a time.

With `spark=False` this is the public Responses WebSocket and nothing else. A request that cannot be
served gets an `error` on its own lane; `RemoteProtocolError` leaves `receive` only for what no peer of
this protocol would send, and then the connection ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Chunk, EngineInfo, Event, Finished, Focus, Request, Started
from spark_lsp.wire import codec, events
from spark_lsp.wire.asked import UnknownDocument, request_of
from spark_lsp.wire.frames import (
    Cancel,
    ClientFrame,
    Configure,
    Create,
    DocCheck,
    DocChunk,
    DocClose,
    DocEdit,
    DocFocus,
    DocOpen,
)
from spark_lsp.wire.lanes import MAX_LANES, Lanes, State, Step, is_name
from spark_lsp.wire.mirror import Mirror
from spark_lsp.wire.outbox import Outbox

MAX_IN_FLIGHT = 16
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """Answer this request: call `answer` and `fail` with its response id."""

    response: str
    request: Request


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Stop the work on this response; its terminal is written already."""

    response: str


@dataclass(frozen=True, slots=True)
class Configured:
    """The editor's settings for this session."""

    engines: dict[str, Any]
    routes: dict[str, list[str]]
    budget: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Focused:
    """A person's cursor rests here."""

    focus: Focus


ServerEvent = Asked | Cancelled | Configured | Focused


@dataclass(slots=True)
class _Response:
    """What must be remembered of a response until its terminal is written."""

    request: Request
    created_at: float
    text: list[str] = field(default_factory=list[str])
    model: str = ""
    sequence: int = 0


class ServerConnection:
    """See the module's text. `identity` makes response ids unique among connections."""

    def __init__(self, identity: str, *, spark: bool) -> None:
        self.spark = spark
        self._identity = identity
        self._count = 0
        self._lanes = Lanes()
        self._mirror = Mirror()
        self._outbox = Outbox()
        self._responses: dict[str, _Response] = {}
        self._written_lane: dict[str, str | None] = {}

    # What the gateway says by itself.

    def hello(
        self, version: str, engines: Iterable[EngineInfo], serving: Mapping[str, str] | None = None
    ) -> None:
        """Greet a spark.v1 client: who we are, our limits, our engines, and which serves each route."""
        self._outbox.control(
            {
                "type": "spark.hello",
                "version": version,
                "max_in_flight": MAX_IN_FLIGHT,
                "max_lanes": MAX_LANES,
                "max_message_bytes": MAX_MESSAGE_BYTES,
                "engines": [asdict(engine) for engine in engines],
                "serving": dict(serving or {}),
            }
        )

    def status(
        self,
        engines: Iterable[EngineInfo],
        problems: Iterable[str] = (),
        serving: Mapping[str, str] | None = None,
    ) -> None:
        """Tell a spark.v1 client that engines have changed, and which of its settings are not used."""
        if self.spark:
            self._outbox.control(
                {
                    "type": "spark.status",
                    "engines": [asdict(engine) for engine in engines],
                    "problems": list(problems),
                    "serving": dict(serving or {}),
                }
            )

    def goaway(self, reason: str) -> None:
        """Tell a spark.v1 client that this connection will end."""
        if self.spark:
            self._outbox.control({"type": "spark.goaway", "reason": reason})

    # What comes from the client.

    def receive(self, message: str | bytes, now: float) -> list[ServerEvent]:
        """Take one message; `now` is Unix time. Raises `RemoteProtocolError` if the connection must end."""
        try:
            kind, frame = codec.decode(message, codec.CLIENT_FRAMES)
        except codec.WrongFields as error:
            if error.kind != "response.create":
                raise
            self._error(error.stream_id, error)
            return []
        if frame is None or (not self.spark and kind != "response.create"):
            return []  # unknown types are ignored by both sides
        if isinstance(frame, Create):
            return self._create(frame, now)
        return self._spark(frame)

    def _spark(self, frame: ClientFrame) -> list[ServerEvent]:
        match frame:
            case Cancel():
                return self._cancel(frame)
            case Configure():
                return [Configured(frame.engines, frame.routes, frame.budget)]
            case DocFocus():
                return self._focus(frame)
            case DocClose():
                self._mirror.close(frame.doc)
            case DocOpen() | DocChunk() | DocEdit() | DocCheck():
                if not self._mirrored(frame):
                    self._outbox.control({"type": "spark.doc.resync", "doc": frame.doc})
            case Create():
                pass
        return []

    def _mirrored(self, frame: DocOpen | DocChunk | DocEdit | DocCheck) -> bool:
        match frame:
            case DocOpen():
                return self._mirror.open(frame)
            case DocChunk():
                return self._mirror.chunk(frame)
            case DocEdit():
                return self._mirror.edit(frame)
            case DocCheck():
                return self._mirror.check(frame)

    def _focus(self, frame: DocFocus) -> list[ServerEvent]:
        replica = self._mirror.find(frame.doc, frame.version)
        if replica is None or not 0 <= frame.offset <= len(replica.text):
            return []
        return [Focused(Focus(replica.uri, replica.language, replica.text, frame.offset))]

    def _create(self, frame: Create, now: float) -> list[ServerEvent]:
        lane = frame.stream_id
        self._count += 1
        response = f"resp_{self._identity}_{self._count}"
        try:
            request = request_of(frame, self._mirror, spark=self.spark)
            self._lanes.enter(lane, response)
        except UnknownDocument as error:
            self._outbox.control({"type": "spark.doc.resync", "doc": error.doc})
            self._error(lane, error)
            return []
        except RemoteProtocolError as error:
            self._error(lane, error)
            return []
        self._responses[response] = _Response(request, now)
        return self._admit(lane)

    def _error(self, lane: str | None, error: RemoteProtocolError) -> None:
        body = {"type": "invalid_request_error", "code": error.code, "message": str(error), "param": None}
        message = {"type": "error", "status": 400, "error": body}
        nameable = lane is not None and is_name(lane)
        self._outbox.control({**message, "stream_id": lane} if nameable else message)

    def _admit(self, lane: str | None) -> list[ServerEvent]:
        response = self._lanes.admissible(lane)
        if response is None:
            return []
        self._lanes.step(response, Step.ADMIT)
        return [Asked(response, self._responses[response].request)]

    def _cancel(self, frame: Cancel) -> list[ServerEvent]:
        response = frame.response_id or self._lanes.current(frame.stream_id)
        if response is None or (state := self._lanes.state(response)) is State.DONE:
            return []  # a late cancel is ignored
        asked = state is not State.WAITING
        following = self._end(response, Finished("cancelled"))
        return [Cancelled(response), *following] if asked else following

    # What an engine says.

    def answer(self, response: str, event: Event) -> list[ServerEvent]:
        """Pass on an engine's event; what is late is dropped. Returns requests that may go on now."""
        match event:
            case Started():
                if self._lanes.step(response, Step.START):
                    self._start(response, event)
            case Chunk():
                if self._lanes.step(response, Step.TEXT):
                    if not self.spark:
                        self._responses[response].text.append(event.text)
                    self._outbox.text(response, event.text)
            case Finished():
                return self._end(response, event)
        return []

    def fail(self, response: str, code: str, message: str) -> list[ServerEvent]:
        """End a response with an error. Returns requests that may go on now."""
        if self._lanes.state(response) is State.DONE:
            return []
        error = {"code": code, "message": message}
        return self._terminal(response, "response.failed", "failed", {"error": error})

    def _end(self, response: str, finished: Finished) -> list[ServerEvent]:
        if self._lanes.state(response) is State.DONE:
            return []
        kind, status, details = events.ending(finished, spark=self.spark)
        known = self._responses[response]
        item, text = _item(response), "".join(known.text)
        if self.spark:
            timing = {"type": "spark.timing", "response_id": response, "timing": asdict(finished.timing)}
            self._outbox.event(response, timing)
        elif self._lanes.state(response) is State.ACTIVE:
            for event in events.closing(item, text):
                self._outbox.event(response, event)
        output = [] if self.spark or not text else events.output(item, text)
        more = {"incomplete_details": details, "usage": events.usage(finished.usage), "output": output}
        return self._terminal(response, kind, status, more)

    def _start(self, response: str, started: Started) -> None:
        known = self._responses[response]
        known.model = started.model
        body = self._body(response, "in_progress")
        if self.spark:
            spark = events.answerer(started)
            self._outbox.event(response, {"type": "response.created", "response": {**body, "spark": spark}})
            return
        self._outbox.event(response, {"type": "response.created", "response": body})
        self._outbox.event(response, {"type": "response.in_progress", "response": body})
        for event in events.opening(_item(response)):
            self._outbox.event(response, event)

    def _terminal(self, response: str, kind: str, status: str, more: events.JsonObject) -> list[ServerEvent]:
        body = {**self._body(response, status), **more}
        lane = self._lanes.lane(response)
        if self._lanes.state(response) is not State.ACTIVE and not self.spark:
            created = {"type": "response.created", "response": self._body(response, "in_progress")}
            self._outbox.event(response, created)  # clients wait for it before anything else
        self._outbox.event(response, {"type": kind, "response": body})
        self._written_lane[response] = lane
        self._lanes.step(response, Step.END)
        return self._admit(lane)

    def _body(self, response: str, status: str) -> events.JsonObject:
        known = self._responses[response]
        model = known.model or known.request.model or "spark"
        return events.response_object(response, model, known.created_at, status)

    # What is to be written.

    @property
    def urgent(self) -> bool:
        """Whether something waits that should not wait for more."""
        return self._outbox.urgent

    @property
    def pending(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._outbox)

    def pop(self) -> str | None:
        """Return the next message to write, or None."""
        entry = self._outbox.pop()
        return None if entry is None else codec.encode(self._rendered(*entry))

    def pop_event(self) -> events.JsonObject | None:
        """Return the next message as an object: the events of a response over HTTP are the same."""
        entry = self._outbox.pop()
        return None if entry is None else self._rendered(*entry)

    def _rendered(self, response: str, entry: events.JsonObject | str) -> events.JsonObject:
        if not response:
            assert isinstance(entry, dict)
            return entry
        event = events.delta(_item(response), entry) if isinstance(entry, str) else dict(entry)
        known = self._responses[response]
        event["sequence_number"] = known.sequence
        known.sequence += 1
        lane = self._written_lane.get(response) or self._lane(response)
        if lane is not None:
            event["stream_id"] = lane
        if response in self._written_lane and str(event["type"]) in _TERMINALS:
            self._forget(response)
        return event

    def _lane(self, response: str) -> str | None:
        return None if response in self._written_lane else self._lanes.lane(response)

    def _forget(self, response: str) -> None:
        del self._responses[response], self._written_lane[response]
        self._outbox.forget(response)

    def unfinished(self) -> list[str]:
        """Return the ids of all responses whose terminal is not yet decided."""
        return self._lanes.unfinished()


_TERMINALS = {"response.completed", "response.incomplete", "response.failed"}


def _item(response: str) -> str:
    return f"msg_{response.removeprefix('resp_')}"
