"""The server's end of a connection to the gateway, without I/O.

`create` puts a request on a free lane of a small fixed pool (names of lanes are never freed on a
connection), `receive` takes messages and returns events, `pop` hands out what is to be written: control
messages first, so that a cancel never waits behind the upload of a large document.

Text comes on credit: `read` tells that what came of a lane has been read, and the gateway hears of it when
it has been a good deal. A connection that takes the place of another keeps its names of documents.

Towards a server that did not select spark.v1 (`spark=False`) requests carry their whole text, a cancel
only closes our ears, and documents are not mirrored.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spark_lsp import codes
from spark_lsp.codes import Code
from spark_lsp.errors import EngineError, LocalProtocolError
from spark_lsp.request import (
    Chunk,
    EditFormat,
    Finished,
    Request,
    Started,
    Timing,
    Usage,
)
from spark_lsp.text.edits import Edit
from spark_lsp.wire import codec
from spark_lsp.wire.asked import frame_of
from spark_lsp.wire.client_events import (
    Answered,
    ClientEvent,
    EnginesChanged,
    Failed,
    Greeted,
    Leaving,
    Resync,
)
from spark_lsp.wire.credit import Debt, size_of
from spark_lsp.wire.frames import (
    Broken,
    Cancel,
    Completed,
    Configure,
    Create,
    Created,
    CutShort,
    Delta,
    DocResync,
    ErrorBody,
    ErrorEvent,
    Frame,
    GiveCredit,
    GoAway,
    Hello,
    Status,
    Terminal,
    TimingFrame,
)
from spark_lsp.wire.mirrored import Mirrored
from spark_lsp.wire.plain import format_of, plain_frame_of

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
RETRYABLE = (
    Code.ENGINE_FAILED,
    Code.ENGINE_UNAVAILABLE,
    Code.ENGINE_LOADING,
    Code.ENGINE_SILENT,
    Code.ANSWER_BROKE_OFF,
    Code.MODEL_UNAVAILABLE,
    Code.PACKAGE_MISSING,
)
LARGE_CHARS = 1024 * 1024
LANES_PER_POOL = 14  # two pools stay below the 32 names and 16 in flight of a connection


@dataclass(slots=True)
class _Lane:
    """A request in flight; a deaf lane's answer is nobody's any more. `unread` counts deltas and bytes."""

    request: Request
    started: bool = False
    deaf: bool = False
    resent: bool = False
    timing: Timing = field(default_factory=Timing)
    unread: tuple[int, int] = (0, 0)


class ClientConnection:
    """See the module's text. `earlier` is the connection that this one takes the place of."""

    def __init__(self, *, spark: bool, earlier: "ClientConnection | None" = None) -> None:
        self.spark = spark
        self.session = ""
        self._earlier_session = earlier.session if earlier is not None else ""
        self._documents = earlier._documents if earlier is not None else Mirrored()
        self._lanes: dict[str, _Lane] = {}
        self._debt = Debt()
        self._control: deque[Frame] = deque()
        self._queue: deque[Frame] = deque()

    @property
    def busy(self) -> bool:
        """Whether anybody still listens to an answer."""
        return any(not lane.deaf for lane in self._lanes.values())

    # What we ask.

    def create(self, request: Request, pool: str) -> str:
        """Ask; returns the lane.

        Raises `LocalProtocolError` if all lanes of the pool are busy, `EngineError` if the request is too
        large for one message: sending it would cost the connection.
        """
        self._check_size(request)
        for number in range(LANES_PER_POOL):
            lane = f"{pool}.{number}"
            if lane not in self._lanes:
                self._lanes[lane] = _Lane(request)
                self._send_request(lane, request, cited=True)
                return lane
        raise LocalProtocolError("Too many requests at once", "This one was not asked", "Wait for the others")

    def _check_size(self, request: Request) -> None:
        """Raise if a large request will not fit; a small one needs no look."""
        if request.characters() < LARGE_CHARS:
            return
        frame = self._frame(request, "", cited=True)
        if len(codec.encode(frame).encode()) > MAX_MESSAGE_BYTES:
            raise EngineError(
                "The request is too large for the gateway",
                "It was not asked",
                "Ask about less text at once",
                code=Code.CONTEXT_LENGTH_EXCEEDED,
                retryable=False,
            )

    def _send_request(self, lane: str, request: Request, *, cited: bool) -> None:
        self._queue.append(self._frame(request, lane, cited=cited))

    def _frame(self, request: Request, lane: str, *, cited: bool) -> Create:
        if not self.spark:
            return plain_frame_of(request, lane)
        return frame_of(request, lane, self._documents.cite if cited else lambda _: None)

    def cancel(self, lane: str) -> None:
        """Stop listening to a lane and have the work stopped; the lane is free when its terminal comes."""
        known = self._lanes.get(lane)
        if known is None or known.deaf:
            return
        self.read(lane)
        known.deaf = True
        if self.spark:
            self._queue_cancel(lane)

    def _queue_cancel(self, lane: str) -> None:
        """Put the cancel before bulk, but never before the request that it means."""
        frame = Cancel(stream_id=lane)
        waits = any(getattr(each, "stream_id", None) == lane for each in self._queue)
        (self._queue if waits else self._control).append(frame)

    def read(self, lane: str) -> None:
        """Note that all text of this lane that came so far has been read: more may come."""
        known = self._lanes.get(lane)
        if known is None or not known.unread[0]:
            return
        events, size = known.unread
        known.unread = (0, 0)
        for name, (count, bytes_) in self._debt.read(lane, events, size).items():
            self._control.append(GiveCredit(stream_id=name, events=count, bytes=bytes_))

    def configure(
        self,
        engines: Mapping[str, Any],
        routes: Mapping[str, Sequence[str]],
        budget: Mapping[str, Any],
        keys: Mapping[str, str] | None = None,
    ) -> None:
        """Send the editor's settings for this session; `keys` only to the user's own gateway."""
        if self.spark:
            listed = {name: list(names) for name, names in routes.items()}
            frame = Configure(
                engines=dict(engines), routes=listed, budget=dict(budget), keys=dict(keys or {})
            )
            self._control.append(frame)

    # Documents.

    def restore(self, documents: Iterable[tuple[str, str, int, str]]) -> None:
        """Mirror documents, `(uri, language, version, text)`, on a new connection: by their hashes if an
        earlier connection had them, else whole."""
        if not self.spark:
            return
        listed = list(documents)
        same = [(uri, version, text) for uri, _, version, text in listed]
        resumed = self._documents.resume(self._earlier_session, same) if self._earlier_session else None
        if resumed is not None:
            self._queue.append(resumed)
            return
        for each in listed:
            self.open_document(*each)

    def open_document(self, uri: str, language: str, version: int, text: str) -> None:
        """Mirror a document, or mirror it again."""
        if self.spark:
            self._queue.extend(self._documents.open(uri, language, version, text))

    def edit_document(self, uri: str, version: int, edits: Sequence[Edit], length: int) -> bool:
        """Mirror changes, made one after another; False if the document must be opened instead."""
        told = self._documents.edit(uri, version, edits, length)
        self._queue.extend(told)
        return bool(told)

    def check_document(self, uri: str, version: int, text: str) -> None:
        """Have the mirror compare its hash, after a rest."""
        self._queue.extend(self._documents.check(uri, version, text))

    def focus(self, uri: str, version: int, offset: int) -> None:
        """Tell where the cursor rests."""
        self._queue.extend(self._documents.focus(uri, version, offset))

    def close_document(self, uri: str) -> None:
        """Have a document forgotten."""
        self._queue.extend(self._documents.close(uri))

    # What comes from the gateway.

    def receive(self, message: str | bytes) -> list[ClientEvent]:
        """Take one message. Raises `RemoteProtocolError` if it is none of this protocol."""
        _, frame = codec.decode(message, codec.SERVER_FRAMES)
        match frame:
            case Hello():
                self.session = frame.session
                return [Greeted(frame.version, tuple(frame.engines), frame.serving)]
            case Status():
                return [EnginesChanged(tuple(frame.engines), tuple(frame.problems), frame.serving)]
            case GoAway():
                return [Leaving(frame.reason)]
            case DocResync():
                return self._resync(frame)
            case TimingFrame():
                return self._timing(frame)
            case Delta():
                return self._delta(frame)
            case Created() | Completed() | CutShort() | Broken():
                return self._response(frame)
            case ErrorEvent():
                return self._error(frame)
            case _:
                return []

    def lost(self) -> list[ClientEvent]:
        """Note that the link is gone: every request in flight fails, every mirror is void."""
        error = EngineError(
            "The connection to the gateway was lost",
            "The answer that was on its way will not come",
            "It is being restored; ask again",
            code=Code.CONNECTION_LOST,
        )
        failed: list[ClientEvent] = [
            Failed(name, error) for name, lane in self._lanes.items() if not lane.deaf
        ]
        self._lanes.clear()
        return failed

    def _resync(self, frame: DocResync) -> list[ClientEvent]:
        uri = self._documents.uri(frame.doc)
        return [Resync(uri)] if uri is not None else []

    def _timing(self, frame: TimingFrame) -> list[ClientEvent]:
        lane = self._lanes.get(frame.stream_id or "")
        if lane is not None:
            lane.timing = frame.timing.spent
        return []

    def _delta(self, frame: Delta) -> list[ClientEvent]:
        name = frame.stream_id or ""
        lane = self._lanes.get(name)
        if lane is None:
            return []
        self._count(name, lane, frame.delta)
        if lane.deaf or not frame.delta:
            return []
        events: list[ClientEvent] = []
        if not lane.started:
            lane.started = True
            events.append(Answered(name, self._started(lane, lane.request.model)))
        return [*events, Answered(name, Chunk(frame.delta))]

    def _count(self, name: str, lane: _Lane, text: str) -> None:
        """Count a delta; where nobody listens it is read at once."""
        if self.spark:
            lane.unread = (lane.unread[0] + 1, lane.unread[1] + size_of(text))
            if lane.deaf:
                self.read(name)

    def _response(self, frame: Created | Terminal) -> list[ClientEvent]:
        name = frame.stream_id or ""
        lane = self._lanes.get(name)
        if lane is None:
            return []
        if isinstance(frame, Created):
            return self._created(name, lane, frame)
        self._free(name)
        if lane.deaf:
            return []
        if isinstance(frame, Broken):
            return [Failed(name, _engine_error(frame.response.error))]
        finished = Answered(name, _finished(frame, lane.timing))
        if lane.started:
            return [finished]
        return [Answered(name, self._started(lane, lane.request.model)), finished]  # ended before it began

    def _created(self, name: str, lane: _Lane, frame: Created) -> list[ClientEvent]:
        if lane.deaf or lane.started:
            return []
        lane.started = True
        spark = frame.response.spark
        if not spark:
            return [Answered(name, self._started(lane, frame.response.model))]
        format = EditFormat(spark.format) if spark.format in set(EditFormat) else EditFormat.TEXT
        return [Answered(name, Started(spark.engine, spark.model, format, spark.simulated))]

    def _started(self, lane: _Lane, model: str) -> Started:
        """Return the beginning of an answer by somebody who does not say who answers, nor how."""
        return Started("remote", model, EditFormat.TEXT if self.spark else format_of(lane.request))

    def _error(self, frame: ErrorEvent) -> list[ClientEvent]:
        name = frame.stream_id or ""
        lane = self._lanes.get(name)
        if lane is None:
            return []
        if frame.error.code == Code.DOCUMENT_UNKNOWN and not lane.resent and not lane.deaf:
            lane.resent = True
            self._send_request(name, lane.request, cited=False)
            return []
        self._free(name)
        return [] if lane.deaf else [Failed(name, _engine_error(frame.error))]

    def _free(self, name: str) -> None:
        """A lane's answer has ended: whoever reads it needs no more of the gateway for it."""
        self.read(name)
        del self._lanes[name]

    # What is to be written.

    @property
    def pending(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._control or self._queue)

    def pop(self) -> str | None:
        """Return the next message to write, or None."""
        for queue in (self._control, self._queue):
            if queue:
                return codec.encode(queue.popleft())
        return None


def _engine_error(body: ErrorBody | None) -> EngineError:
    """Return the error that a gateway's error object tells; its message is already fit for a person."""
    code = codes.known(body.code if body is not None else None, Code.ENGINE_FAILED)
    message = (body.message if body is not None else "") or "The engine failed"
    return EngineError(message, code=code, retryable=code in RETRYABLE)


def _finished(frame: Completed | CutShort, timing: Timing) -> Finished:
    used = frame.response.usage
    usage = used.used if used else Usage()
    if isinstance(frame, Completed):
        return Finished("stop", usage, timing)
    details = frame.response.incomplete_details
    cancelled = details is not None and details.reason == "cancelled"
    return Finished("cancelled" if cancelled else "length", usage, timing)
