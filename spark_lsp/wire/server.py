"""The gateway's end of a connection, without I/O.

`receive` takes the peer's messages, and `write_text`, `write_event` and `fail` take an engine's results. Most
of them return events for the caller to act on. `pop` returns the next message to write.

With `spark=False` this is the public Responses WebSocket protocol and nothing else. A request that cannot be
served gets an `error` on its lane, and a message that cannot be parsed gets an `error` without a lane. After
`MAX_STRIKES` such messages in a row, `receive` raises `RemoteProtocolError` and the caller must close the
connection. The unfinished requests of a client are limited; a cancelled one counts until its engine stops.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from spark_lsp.answer_events import Chunk, Draft, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import EngineInfo, Request, Task
from spark_lsp.wire import codec, steering
from spark_lsp.wire.credit import Credit
from spark_lsp.wire.frames import (
    Cancel,
    ClientFrame,
    Configure,
    Create,
    DocFocus,
    GiveCredit,
    GoAway,
    Resume,
    ServerMessage,
    Status,
    Steer,
)
from spark_lsp.wire.lanes import Lanes, State, Step
from spark_lsp.wire.request_messages import UnknownDocument, read_request
from spark_lsp.wire.response_frames import AnswerEvent, Terminal
from spark_lsp.wire.response_history import ResponseHistory
from spark_lsp.wire.response_stream import ResponseStream, Surface
from spark_lsp.wire.send_queue import SendQueue
from spark_lsp.wire.server_documents import ServerDocuments
from spark_lsp.wire.server_events import (
    CursorRested,
    ReplicasResumed,
    RequestCancelled,
    RequestReceived,
    ServerEvent,
    SettingsReceived,
)
from spark_lsp.wire.server_messages import (
    connection_expired,
    make_error,
    make_hello,
    too_many_errors,
    too_many_requests,
)

MAX_UNFINISHED = 256  # in flight and waiting; a client of the public protocol has no reason for more
MAX_HELD_CHARS = 64 * 1024 * 1024  # of all requests in flight and waiting
MAX_STRIKES = 100  # refused messages in a row
PUBLIC_TYPES = ("response.create", "response.steer")


class ServerConnection:
    """See the module's text.

    `identity` makes response ids unique among connections. A later connection names `session` to resume this
    connection's replicas. With `details`, requests may have the `spark` object without spark.v1.
    """

    def __init__(
        self, identity: str, *, spark: bool, timing: bool = False, session: str = "", details: bool = False
    ) -> None:
        self.spark = spark
        self._details = spark or details
        self.session = session
        self._surface = Surface(spark, timing)
        self._identity = identity
        self._last_number = 0  # of the response ids
        self._held_chars = 0  # of all unfinished requests
        self._strikes = 0
        self._expired = False
        self._lanes = Lanes()
        self._history = ResponseHistory()
        self._credit = Credit() if spark else None
        self.queue = SendQueue(self._credit)
        self.documents = ServerDocuments(self.queue)
        self._streams: dict[str, ResponseStream] = {}  # until their terminal event is written

    def greet(
        self, version: str, engines: Iterable[EngineInfo], serving: Mapping[str, str] | None = None
    ) -> None:
        """Greet a spark.v1 client; `serving` names the engine of each route."""
        self.queue.add_control(make_hello(version, self.session, engines, serving or {}))

    def report_status(
        self,
        engines: Iterable[EngineInfo],
        problems: Iterable[str] = (),
        serving: Mapping[str, str] | None = None,
    ) -> None:
        """Tell a spark.v1 client the state of the engines, and its settings that are not used."""
        if self.spark:
            status = Status(engines=list(engines), problems=list(problems), serving=dict(serving or {}))
            self.queue.add_control(status)

    def announce_end(self, reason: str) -> None:
        """Tell a spark.v1 client that this connection will end."""
        if self.spark:
            self.queue.add_control(GoAway(reason=reason))

    def expire(self) -> None:
        """End the connection's lifetime: it refuses new requests, and running responses may finish."""
        self._expired = True
        self.queue.add_control(make_error(None, connection_expired()))

    # Messages from the client.

    def receive(self, message: str | bytes, now: float) -> list[ServerEvent]:
        """Take one message; `now` is Unix time. Raises `RemoteProtocolError` if the connection must end."""
        try:
            kind, frame = codec.decode(message, codec.CLIENT_FRAMES)
        except codec.WrongFields as error:
            self._refuse_request(error.stream_id, error)
            return []
        except RemoteProtocolError as error:
            self._refuse_request(None, error)
            return []
        if frame is None or (not self.spark and kind not in PUBLIC_TYPES):
            return []  # both sides ignore unknown types
        return self._take_frame(frame, now)

    def _take_frame(self, frame: ClientFrame, now: float) -> list[ServerEvent]:
        match frame:
            case Create():
                return self._create_response(frame, now)
            case Steer():
                return self._steer_response(frame, now)
            case Cancel():
                return self._cancel_response(frame, now)
            case Configure():
                return [SettingsReceived.of(frame)]
            case Resume():
                return [ReplicasResumed(frame.session, tuple(frame.documents))]
            case DocFocus():
                focus = self.documents.find_focus(frame)
                return [] if focus is None else [CursorRested(focus)]
            case GiveCredit():
                assert self._credit is not None  # only spark.v1 has this frame
                self._credit.restore(frame.stream_id, frame.events, frame.bytes)
            case _:
                self.documents.take_frame(frame)
        return []

    # Requests.

    def _create_response(self, frame: Create, now: float) -> list[ServerEvent]:
        lane = frame.stream_id
        parent = frame.previous_response_id
        response = self._make_id()
        try:
            request = self._read_request(frame)
            self._lanes.enter(lane, response)
        except RemoteProtocolError as error:
            if isinstance(error, UnknownDocument):
                self.documents.request_document(error.doc)
            self._history.note_failure(lane, parent)
            self._refuse_request(lane, error)
            return []
        self._strikes = 0
        instructions = frame.instructions or ""
        self._open_stream(ResponseStream(response, lane, request, self._surface, now, instructions, parent))
        return self._admit_next(lane)

    def _read_request(self, frame: Create) -> Request:
        if self._expired:
            raise connection_expired()
        documents = self.documents
        request = read_request(frame, documents.replicas, documents.request_document, spark=self._details)
        held_chars = self._held_chars + request.characters()
        if len(self._streams) >= MAX_UNFINISHED or held_chars > MAX_HELD_CHARS:
            raise too_many_requests()
        return request

    def _make_id(self) -> str:
        self._last_number += 1
        return f"resp_{self._identity}_{self._last_number}"

    def _open_stream(self, stream: ResponseStream) -> None:
        self._streams[stream.response] = stream
        self.queue.open_response(stream.response, stream.lane)
        self._held_chars += stream.size

    def _admit_next(self, lane: str | None) -> list[ServerEvent]:
        """Pass on the request at the head of a lane; refuse it if its parent is unknown."""
        while (response := self._lanes.admissible(lane)) is not None:
            stream = self._streams[response]
            try:
                if stream.parent is not None and not stream.has_past:
                    stream.past = self._history.recall(stream.parent)
            except RemoteProtocolError as error:
                self._refuse_request(lane, error)
                self._lanes.step(response, Step.END)
                self._forget_response(stream)
                continue
            self._lanes.step(response, Step.ADMIT)
            return [RequestReceived(response, stream.full_request)]
        return []

    def _refuse_request(self, lane: str | None, error: RemoteProtocolError) -> None:
        """Send an error. Raises `RemoteProtocolError` after too many in a row."""
        self._strikes += 1
        if self._strikes > MAX_STRIKES:
            raise too_many_errors(error)
        self.queue.add_control(make_error(lane, error))

    # Ending a response early.

    def _cancel_response(self, frame: Cancel, now: float) -> list[ServerEvent]:
        response = frame.response_id or self._lanes.current(frame.stream_id)
        if response is None or self._lanes.state(response) is State.DONE:
            self._cancel_late(frame)
            return []
        self.queue.drop_text(response)  # it has no reader any more
        return self._stop_response(response, Finished("cancelled"), now)

    def _cancel_late(self, frame: Cancel) -> None:
        """Drop text that still waits for credit. A late cancel has nothing else to stop."""
        for stream in self._streams.values():
            is_named = stream.response == frame.response_id
            if is_named or (frame.response_id is None and stream.lane == frame.stream_id):
                self.queue.drop_text(stream.response)

    def _stop_response(self, response: str, finished: Finished, now: float) -> list[ServerEvent]:
        """End a response before its engine ends it; tell the caller, if it has the request."""
        was_passed_on = self._lanes.state(response) is not State.WAITING
        following = self._finish_response(self._streams[response], finished, now)
        return [RequestCancelled(response), *following] if was_passed_on else following

    def _steer_response(self, frame: Steer, now: float) -> list[ServerEvent]:
        target = frame.previous_response_id
        try:
            stream = self._find_steerable(target)
            request = steering.make_successor(stream, frame.input)
        except RemoteProtocolError as error:
            failure = steering.make_failed(target, frame.input, error)
            if target in self._streams:
                self._streams[target].stamp(failure)
            self.queue.add_control(failure)
            return []
        steer = f"steer_{self._make_id().removeprefix('resp_')}"
        self.queue.add_event(target, steering.make_accepted(steer, target))
        successor = stream.make_successor(self._make_id(), request, now)
        self._open_stream(successor)
        self._lanes.succeed(target, successor.response)
        return self._stop_response(target, Finished("steered"), now)

    def _find_steerable(self, target: str) -> ResponseStream:
        state = self._lanes.state(target)
        if state is State.WAITING:
            raise RemoteProtocolError("The response has not begun", code=Code.RESPONSE_NOT_ACTIVE)
        if state is State.DONE:
            raise steering.not_found(ended=target in self._history or target in self._streams)
        return self._streams[target]

    # Results of an engine.

    def write_text(self, response: str, text: str, confidence: float | None = None) -> None:
        """Queue text of a response, with the engine's confidence; ignored if the response has ended."""
        if not self._lanes.step(response, Step.TEXT):
            return
        stream = self._streams[response]
        if stream.request.warm:
            return
        stream.note_confidence(confidence)
        if stream.keeps_text:
            stream.pieces.append(text)
        self.queue.add_text(response, text)

    def accepts_draft(self, response: str) -> bool:
        """Return whether a draft may be sent: before the first text, and to a spark.v1 client only."""
        return self.spark and self._lanes.is_admitted(response) and not self.queue.has_text(response)

    def write_event(self, response: str, event: Event, now: float = 0.0) -> list[ServerEvent]:
        """Queue the messages for an engine's event; ignored if the response has ended.

        Returns the next request of the lane. `now` is Unix time, for the overhead in the timing.
        """
        match event:
            case Started():
                if self._lanes.step(response, Step.START):
                    self._add_events(response, self._streams[response].start(event))
            case Chunk():
                self.write_text(response, event.text, event.confidence)
            case Draft():
                if self.accepts_draft(response):
                    self._add_events(response, [self._streams[response].make_draft(event)])
            case _:
                if self._lanes.state(response) is not State.DONE:
                    return self._finish_response(self._streams[response], event, now)
        return []

    def fail(self, response: str, code: Code, message: str) -> list[ServerEvent]:
        """End a response with an error. Returns the next request of the lane."""
        if self._lanes.state(response) is State.DONE:
            return []
        stream = self._streams[response]
        self._history.note_failure(stream.lane, stream.parent)
        return self._end_response(stream, stream.fail(code, message))

    def _finish_response(self, stream: ResponseStream, finished: Finished, now: float) -> list[ServerEvent]:
        can_be_continued = stream.request.task is not Task.COMPLETE
        if can_be_continued and finished.reason in ("stop", "length"):
            self._history.keep(stream.lane, stream.response, stream.conversation)
        return self._end_response(stream, stream.finish(finished, now))

    def _end_response(self, stream: ResponseStream, events: Iterable[AnswerEvent]) -> list[ServerEvent]:
        self._add_events(stream.response, events)
        self._lanes.step(stream.response, Step.END)
        return self._admit_next(stream.lane)

    def _add_events(self, response: str, events: Iterable[AnswerEvent]) -> None:
        for event in events:
            self.queue.add_event(response, event)

    # Messages to write.

    def pop(self) -> str | None:
        """Return the next message that may be written now, or None."""
        frame = self.pop_frame()
        return None if frame is None else codec.encode(frame)

    def pop_frame(self) -> ServerMessage | None:
        """Return the next message as a frame."""
        popped = self.queue.pop()
        if popped is None:
            return None
        response, entry = popped
        if not response:
            return cast(ServerMessage, entry)
        stream = self._streams[response]
        if isinstance(entry, str):
            return stream.make_delta(entry)
        event = cast(AnswerEvent, entry)
        stream.stamp(event)
        if isinstance(event, Terminal):
            self._forget_response(stream)
        return event

    def _forget_response(self, stream: ResponseStream) -> None:
        del self._streams[stream.response]
        self.queue.close_response(stream.response)
        self._held_chars -= stream.size

    def list_unfinished(self) -> list[str]:
        """Return the ids of all responses whose terminal event is not decided yet."""
        return self._lanes.list_unfinished()
