"""The server's end of a connection to the gateway, without I/O.

`create` puts a request on a free lane of a small fixed pool, because names of lanes are never freed.
`receive` takes messages and returns events. `pop` returns the next message to write; control messages come
first, so that a cancel never waits for the upload of a large document.

Text comes on credit: `read` marks the text of a lane as read, and the gateway gets the credit back once it is
half of a window. A connection that replaces another one keeps the short names of documents.

For a server without spark.v1 (`spark=False`), requests contain their full text, a cancel only ignores the
rest of the response, and documents are not mirrored.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spark_lsp.answer_events import Chunk, Started
from spark_lsp.codes import Code
from spark_lsp.errors import LocalProtocolError
from spark_lsp.request import EditFormat, Request
from spark_lsp.text.edits import Edit
from spark_lsp.wire import client_results, codec
from spark_lsp.wire.client_events import (
    Answered,
    ClientEvent,
    EnginesChanged,
    Failed,
    Greeted,
    Leaving,
    Resync,
)
from spark_lsp.wire.client_lane import ClientLane
from spark_lsp.wire.credit import CreditToReturn, count_bytes
from spark_lsp.wire.frames import (
    Cancel,
    Configure,
    Create,
    DocResync,
    ErrorEvent,
    Frame,
    GiveCredit,
    GoAway,
    Hello,
    Status,
)
from spark_lsp.wire.public_requests import make_public_create
from spark_lsp.wire.replica_client import ReplicaClient
from spark_lsp.wire.request_messages import make_create
from spark_lsp.wire.response_frames import (
    Broken,
    Completed,
    Created,
    CutShort,
    Delta,
    DraftFrame,
    Terminal,
    TimingFrame,
)

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
LARGE_CHARS = 1024 * 1024
LANES_PER_POOL = 14  # two pools stay below the 32 names and 16 in flight of a connection


class ClientConnection:
    """See the module's text. `earlier` is the connection that this one replaces."""

    def __init__(self, *, spark: bool, earlier: "ClientConnection | None" = None) -> None:
        self.spark = spark
        self.session = ""
        self._earlier_session = earlier.session if earlier is not None else ""
        self._documents = earlier._documents if earlier is not None else ReplicaClient()
        self._lanes: dict[str, ClientLane] = {}
        self._to_return = CreditToReturn()
        self._control: deque[Frame] = deque()
        self._queue: deque[Frame] = deque()

    @property
    def busy(self) -> bool:
        """Whether a response is expected."""
        return any(not lane.cancelled for lane in self._lanes.values())

    # Requests.

    def create(self, request: Request, pool: str) -> str:
        """Send a request; return its lane.

        Raises `LocalProtocolError` if all lanes of the pool are busy, `EngineError` if the request is too
        large for one message, which would end the connection.
        """
        self._check_size(request)
        for number in range(LANES_PER_POOL):
            lane = f"{pool}.{number}"
            if lane not in self._lanes:
                self._lanes[lane] = ClientLane(request)
                self._send_request(lane, request, by_reference=True)
                return lane
        raise LocalProtocolError("Too many requests at once", "This one was not sent", "Wait for the others")

    def _check_size(self, request: Request) -> None:
        """Raise `EngineError` if a large request does not fit into a message; small ones always do."""
        if request.characters() < LARGE_CHARS:
            return
        frame = self._make_frame(request, "", by_reference=True)
        if len(codec.encode(frame).encode()) > MAX_MESSAGE_BYTES:
            raise client_results.request_too_large()

    def _send_request(self, lane: str, request: Request, *, by_reference: bool) -> None:
        self._queue.append(self._make_frame(request, lane, by_reference=by_reference))

    def _make_frame(self, request: Request, lane: str, *, by_reference: bool) -> Create:
        if not self.spark:
            return make_public_create(request, lane)
        return make_create(request, lane, self._documents.find_version if by_reference else lambda _: None)

    def cancel(self, lane: str) -> None:
        """Ignore the rest of a response and have its work stopped.

        The lane is free after the terminal event.
        """
        known = self._lanes.get(lane)
        if known is None or known.cancelled:
            return
        self.read(lane)
        known.cancelled = True
        if self.spark:
            self._queue_cancel(lane)

    def _queue_cancel(self, lane: str) -> None:
        """Put the cancel before all bulk, but never before its own request."""
        frame = Cancel(stream_id=lane)
        request_waits = any(getattr(each, "stream_id", None) == lane for each in self._queue)
        queue = self._queue if request_waits else self._control
        queue.append(frame)

    def read(self, lane: str) -> None:
        """Mark all text of this lane so far as read, so that the gateway may send more."""
        known = self._lanes.get(lane)
        if known is None or not known.unread[0]:
            return
        events, size = known.unread
        known.unread = (0, 0)
        for name, (count, bytes_) in self._to_return.count_read(lane, events, size).items():
            self._control.append(GiveCredit(stream_id=name, events=count, bytes=bytes_))

    def configure(
        self,
        engines: Mapping[str, Any],
        routes: Mapping[str, Sequence[str]],
        budget: Mapping[str, Any],
        keys: Mapping[str, str] | None = None,
        *,
        drafts: bool = True,
    ) -> None:
        """Send the editor's settings for this session; `keys` only to the user's own gateway."""
        if self.spark:
            listed = {name: list(names) for name, names in routes.items()}
            frame = Configure(
                engines=dict(engines),
                routes=listed,
                budget=dict(budget),
                keys=dict(keys or {}),
                drafts=drafts,
            )
            self._control.append(frame)

    # Documents.

    def restore(self, documents: Iterable[tuple[str, str, int, str]]) -> None:
        """Mirror documents, `(uri, language, version, text)`, on a new connection.

        Sends their hashes if an earlier connection had them, else their full texts.
        """
        if not self.spark:
            return
        listed = list(documents)
        if self._earlier_session:
            current = [(uri, version, text) for uri, _, version, text in listed]
            resumed = self._documents.resume(self._earlier_session, current)
            if resumed is not None:
                self._queue.append(resumed)
                return
        for each in listed:
            self.open_document(*each)

    def open_document(self, uri: str, language: str, version: int, text: str) -> None:
        """Mirror a document, or mirror it again."""
        if self.spark:
            self._queue.extend(self._documents.open_document(uri, language, version, text))

    def edit_document(self, uri: str, version: int, edits: Sequence[Edit], length: int) -> bool:
        """Mirror edits, which apply one after another.

        Returns False if the document must be opened instead.
        """
        messages = self._documents.edit_document(uri, version, edits, length)
        self._queue.extend(messages)
        return bool(messages)

    def check_document(self, uri: str, version: int, text: str) -> None:
        """Have the gateway compare its hash, after a rest."""
        self._queue.extend(self._documents.check_document(uri, version, text))

    def focus(self, uri: str, version: int, offset: int) -> None:
        """Send the position where the cursor rests."""
        self._queue.extend(self._documents.send_focus(uri, version, offset))

    def close_document(self, uri: str) -> None:
        """Have the gateway forget a document."""
        self._queue.extend(self._documents.close_document(uri))

    # Messages from the gateway.

    def receive(self, message: str | bytes) -> list[ClientEvent]:
        """Take one message. Raises `RemoteProtocolError` if it does not follow the protocol."""
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
                return self._request_document(frame)
            case TimingFrame():
                return self._take_timing(frame)
            case DraftFrame():
                return self._take_draft(frame)
            case Delta():
                return self._take_delta(frame)
            case Created() | Completed() | CutShort() | Broken():
                return self._take_response(frame)
            case ErrorEvent():
                return self._take_error(frame)
            case _:
                return []

    def lose_connection(self) -> list[ClientEvent]:
        """Note that the connection is lost: every request in flight fails."""
        error = client_results.connection_lost()
        failed: list[ClientEvent] = [
            Failed(name, error) for name, lane in self._lanes.items() if not lane.cancelled
        ]
        self._lanes.clear()
        return failed

    def _request_document(self, frame: DocResync) -> list[ClientEvent]:
        uri = self._documents.find_uri(frame.doc)
        return [Resync(uri)] if uri is not None else []

    def _take_timing(self, frame: TimingFrame) -> list[ClientEvent]:
        lane = self._lanes.get(frame.stream_id or "")
        if lane is not None:
            lane.timing = frame.timing.spent
        return []

    def _take_draft(self, frame: DraftFrame) -> list[ClientEvent]:
        name = frame.stream_id or ""
        lane = self._lanes.get(name)
        if lane is None or lane.cancelled or not frame.text:
            return []
        return [Answered(name, client_results.make_draft(frame))]

    def _take_delta(self, frame: Delta) -> list[ClientEvent]:
        name = frame.stream_id or ""
        lane = self._lanes.get(name)
        if lane is None:
            return []
        self._count_unread(name, lane, frame.delta)
        if lane.cancelled or not frame.delta:
            return []
        events: list[ClientEvent] = []
        if not lane.started:
            lane.started = True
            events.append(Answered(name, lane.make_started(spark=self.spark)))
        return [*events, Answered(name, Chunk(frame.delta, client_results.read_confidence(frame)))]

    def _count_unread(self, name: str, lane: ClientLane, text: str) -> None:
        """Count a delta; the one of a cancelled lane counts as read at once."""
        if self.spark:
            lane.unread = (lane.unread[0] + 1, lane.unread[1] + count_bytes(text))
            if lane.cancelled:
                self.read(name)

    def _take_response(self, frame: Created | Terminal) -> list[ClientEvent]:
        name = frame.stream_id or ""
        lane = self._lanes.get(name)
        if lane is None:
            return []
        if isinstance(frame, Created):
            return self._take_created(name, lane, frame)
        self._free_lane(name)
        if lane.cancelled:
            return []
        if isinstance(frame, Broken):
            return [Failed(name, client_results.make_engine_error(frame.response.error))]
        finished = Answered(name, client_results.make_finished(frame, lane.timing))
        if lane.started:
            return [finished]
        return [
            Answered(name, lane.make_started(spark=self.spark)),
            finished,
        ]  # it ended before `created`

    def _take_created(self, name: str, lane: ClientLane, frame: Created) -> list[ClientEvent]:
        if lane.cancelled or lane.started:
            return []
        lane.started = True
        spark = frame.response.spark
        if not spark:
            return [Answered(name, lane.make_started(frame.response.model, spark=self.spark))]
        format = EditFormat(spark.format) if spark.format in set(EditFormat) else EditFormat.TEXT
        started = Started(spark.engine, spark.model, format, spark.simulated, spark.route or "")
        return [Answered(name, started)]

    def _take_error(self, frame: ErrorEvent) -> list[ClientEvent]:
        name = frame.stream_id or ""
        lane = self._lanes.get(name)
        if lane is None:
            return []
        if frame.error.code == Code.DOCUMENT_UNKNOWN and not lane.resent and not lane.cancelled:
            lane.resent = True
            self._send_request(name, lane.request, by_reference=False)
            return []
        self._free_lane(name)
        return [] if lane.cancelled else [Failed(name, client_results.make_engine_error(frame.error))]

    def _free_lane(self, name: str) -> None:
        """Free a lane whose response has ended."""
        self.read(name)
        del self._lanes[name]

    # Messages to write.

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
