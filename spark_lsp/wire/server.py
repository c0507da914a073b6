"""The gateway's end of a connection, without I/O.

Messages go in through `receive`, what an engine says through `answer` and `fail`; each returns the
events that the caller must act on. What is to be written is taken with `pop`, one message at a time.

With `spark=False` this is the public Responses WebSocket and nothing else. A request that cannot be
served gets an `error` on its own lane, and what cannot be read one without a lane; `RemoteProtocolError`
leaves `receive` only after many of them in a row, and then the connection ends. What a client may have
under way is bounded, and work that it has cancelled counts until the caller's engine has stopped.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Chunk, EngineInfo, Event, Finished, Focus, Request, Started, Task
from spark_lsp.wire import codec, steering
from spark_lsp.wire.answer import Answer, Surface
from spark_lsp.wire.asked import UnknownDocument, request_of
from spark_lsp.wire.credit import ALL_BYTES, ALL_EVENTS, LANE_BYTES, LANE_EVENTS, Credit
from spark_lsp.wire.frames import (
    AnswerEvent,
    Cancel,
    ClientFrame,
    Configure,
    Create,
    CreditLimits,
    DocClose,
    DocFocus,
    DocRef,
    DocResync,
    ErrorBody,
    ErrorEvent,
    GiveCredit,
    GoAway,
    Hello,
    Resume,
    Said,
    Status,
    Steer,
    Terminal,
)
from spark_lsp.wire.lanes import MAX_LANES, Lanes, State, Step, is_name
from spark_lsp.wire.lineage import Lineage
from spark_lsp.wire.mirror import Mirror
from spark_lsp.wire.outbox import Outbox
from spark_lsp.wire.server_events import Asked, Cancelled, Configured, Focused, Resumed, ServerEvent

MAX_IN_FLIGHT = 16
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_UNFINISHED = 256  # in flight and waiting; a client of the public protocol has no reason for more
MAX_HELD_CHARS = 64 * 1024 * 1024  # of all requests in flight and waiting
MAX_STRIKES = 100  # errors in a row after which a peer is not worth listening to


class ServerConnection:
    """See the module's text. `identity` makes response ids unique among connections; `session` is what a
    later connection names to go on with this one's mirrors."""

    def __init__(self, identity: str, *, spark: bool, timing: bool = False, session: str = "") -> None:
        self.spark = spark
        self.session = session
        self.mirror = Mirror()
        self._surface = Surface(spark, timing)
        self._identity = identity
        self._count = 0
        self._held = 0
        self._strikes = 0
        self._expired = False
        self._lanes = Lanes()
        self._lineage = Lineage()
        self._credit = Credit() if spark else None
        self._outbox = Outbox(self._credit)
        self._answers: dict[str, Answer] = {}

    # What the gateway says by itself.

    def hello(
        self, version: str, engines: Iterable[EngineInfo], serving: Mapping[str, str] | None = None
    ) -> None:
        """Greet a spark.v1 client: who we are, our limits, our engines, and which serves each route."""
        self._outbox.control(
            Hello(
                version=version,
                session=self.session,
                max_in_flight=MAX_IN_FLIGHT,
                max_lanes=MAX_LANES,
                max_message_bytes=MAX_MESSAGE_BYTES,
                credit=LIMITS,
                engines=list(engines),
                serving=dict(serving or {}),
            )
        )

    def status(
        self,
        engines: Iterable[EngineInfo],
        problems: Iterable[str] = (),
        serving: Mapping[str, str] | None = None,
    ) -> None:
        """Tell a spark.v1 client that engines have changed, and which of its settings are not used."""
        if self.spark:
            told = Status(engines=list(engines), problems=list(problems), serving=dict(serving or {}))
            self._outbox.control(told)

    def goaway(self, reason: str) -> None:
        """Tell a spark.v1 client that this connection will end."""
        if self.spark:
            self._outbox.control(GoAway(reason=reason))

    def expire(self) -> None:
        """Note that the connection has lived its time: nothing new is taken, what is under way may end."""
        self._expired = True
        self._error(None, _too_old())

    # What comes from the client.

    def receive(self, message: str | bytes, now: float) -> list[ServerEvent]:
        """Take one message; `now` is Unix time. Raises `RemoteProtocolError` if the connection must end."""
        try:
            kind, frame = codec.decode(message, codec.CLIENT_FRAMES)
        except codec.WrongFields as error:
            self._refuse(error.stream_id, error)
            return []
        except RemoteProtocolError as error:
            self._refuse(None, error)
            return []
        if frame is None or (not self.spark and kind not in PUBLIC):
            return []  # unknown types are ignored by both sides
        return self._act(frame, now)

    def _act(self, frame: ClientFrame, now: float) -> list[ServerEvent]:
        match frame:
            case Create():
                return self._create(frame, now)
            case Steer():
                return self._steer(frame, now)
            case Cancel():
                return self._cancel(frame, now)
            case Configure():
                return [Configured(frame.engines, frame.routes, frame.budget, frame.keys)]
            case Resume():
                return [Resumed(frame.session, tuple(frame.documents))]
            case DocFocus():
                return self._focus(frame)
            case GiveCredit():
                self._given(frame)
            case DocClose():
                self.mirror.close(frame.doc)
            case _:
                if not self.mirror.take(frame):
                    self._resync(frame.doc)
        return []

    def _given(self, frame: GiveCredit) -> None:
        assert self._credit is not None  # the frame is spark.v1's alone
        self._credit.give(frame.stream_id, frame.events, frame.bytes)

    def _resync(self, doc: str) -> None:
        self._outbox.control(DocResync(doc=doc))

    def adopt(self, mirror: Mirror | None, documents: Iterable[DocRef]) -> None:
        """Go on with an earlier connection's mirror; what the client has otherwise is sent again."""
        documents = list(documents)
        if mirror is not None:
            mirror.keep_only(each.doc for each in documents)
            self.mirror = mirror
        for each in documents:
            if not self.mirror.agrees(each):
                self._resync(each.doc)

    def _focus(self, frame: DocFocus) -> list[ServerEvent]:
        replica = self.mirror.find(frame.doc, frame.version)
        if replica is None or not 0 <= frame.offset <= len(replica.text):
            return []
        return [Focused(Focus(replica.uri, replica.language, replica.text, frame.offset))]

    def _create(self, frame: Create, now: float) -> list[ServerEvent]:
        lane, parent = frame.stream_id, frame.previous_response_id
        response = self._new_id()
        try:
            request = self._admissible(frame)
            self._lanes.enter(lane, response)
        except RemoteProtocolError as error:
            if isinstance(error, UnknownDocument):
                self._resync(error.doc)
            self._lineage.failed(lane, parent)
            self._refuse(lane, error)
            return []
        self._strikes = 0
        answer = Answer(response, lane, request, self._surface, now, frame.instructions or "", parent)
        self._begin(answer)
        return self._admit(lane)

    def _admissible(self, frame: Create) -> Request:
        if self._expired:
            raise _too_old()
        request = request_of(frame, self.mirror, spark=self.spark)
        if len(self._answers) >= MAX_UNFINISHED or self._held + request.characters() > MAX_HELD_CHARS:
            raise _too_much()
        return request

    def _new_id(self) -> str:
        self._count += 1
        return f"resp_{self._identity}_{self._count}"

    def _begin(self, answer: Answer) -> None:
        self._answers[answer.response] = answer
        self._outbox.open(answer.response, answer.lane)
        self._held += answer.size

    def _admit(self, lane: str | None) -> list[ServerEvent]:
        """Hand on the response at the head of a lane; one whose past is not here ends instead."""
        while (response := self._lanes.admissible(lane)) is not None:
            answer = self._answers[response]
            try:
                if answer.parent is not None and not answer.recalled:
                    answer.past = self._lineage.recall(answer.parent)
            except RemoteProtocolError as error:
                self._refuse(lane, error)
                self._lanes.step(response, Step.END)
                self._forget(answer)
                continue
            self._lanes.step(response, Step.ADMIT)
            return [Asked(response, answer.whole)]
        return []

    def _refuse(self, lane: str | None, error: RemoteProtocolError) -> None:
        """Tell an error; raise it where there have been too many in a row."""
        self._strikes += 1
        if self._strikes > MAX_STRIKES:
            raise RemoteProtocolError(
                "Too many messages in a row could not be served",
                "The connection is closed",
                f"The last one: {error.what}",
                code=Code.TOO_MANY_ERRORS,
            )
        self._error(lane, error)

    def _error(self, lane: str | None, error: RemoteProtocolError) -> None:
        body = ErrorBody(type="invalid_request_error", code=error.code, message=str(error), param=None)
        message = ErrorEvent(error=body, status=429 if error.code == Code.RATE_LIMIT_EXCEEDED else 400)
        if lane is not None and is_name(lane):
            message.stream_id = lane
        self._outbox.control(message)

    def _cancel(self, frame: Cancel, now: float) -> list[ServerEvent]:
        response = frame.response_id or self._lanes.current(frame.stream_id)
        if response is None or self._lanes.state(response) is State.DONE:
            self._drop_late(frame)
            return []
        self._outbox.drop_text(response)  # nobody listens any more
        return self._stop(response, Finished("cancelled"), now)

    def _drop_late(self, frame: Cancel) -> None:
        """A late cancel has nothing to stop, but text that still waits for credit is nobody's any more."""
        for answer in self._answers.values():
            named = answer.response == frame.response_id
            if named or (frame.response_id is None and answer.lane == frame.stream_id):
                self._outbox.drop_text(answer.response)

    def _stop(self, response: str, finished: Finished, now: float) -> list[ServerEvent]:
        """End a response before its engine has; whoever works on it is told."""
        asked = self._lanes.state(response) is not State.WAITING
        following = self._end(self._answers[response], finished, now)
        return [Cancelled(response), *following] if asked else following

    def _steer(self, frame: Steer, now: float) -> list[ServerEvent]:
        target = frame.previous_response_id
        try:
            answer = self._steerable(target)
            request = steering.successor(answer, frame.input)
        except RemoteProtocolError as error:
            self._tell(self._answers.get(target), steering.failed(target, frame.input, error))
            return []
        steer = f"steer_{self._new_id().removeprefix('resp_')}"
        self._outbox.event(target, steering.accepted(steer, target))
        heir = Answer(
            self._new_id(),
            answer.lane,
            request,
            self._surface,
            now,
            answer.instructions,
            parent=target,
            past=answer.turns,
            recalled=True,
        )
        self._begin(heir)
        self._lanes.succeed(target, heir.response)
        return self._stop(target, Finished("steered"), now)

    def _steerable(self, target: str) -> Answer:
        state = self._lanes.state(target)
        if state is State.WAITING:
            raise RemoteProtocolError("The response has not begun", code=Code.RESPONSE_NOT_ACTIVE)
        if state is State.DONE:
            raise steering.not_here(ended=target in self._lineage or target in self._answers)
        return self._answers[target]

    def _tell(self, answer: Answer | None, event: AnswerEvent) -> None:
        """Say something of a response that may be none of ours."""
        if answer is not None:
            answer.stamp(event)
        self._outbox.control(event)

    # What an engine says.

    def answer(self, response: str, event: Event, now: float = 0.0) -> list[ServerEvent]:
        """Pass on an engine's event; what is late is dropped. Returns requests that may go on now.

        `now` is Unix time, by which the end tells how long we took besides the engine.
        """
        match event:
            case Started():
                if self._lanes.step(response, Step.START):
                    self._say(response, self._answers[response].started(event))
            case Chunk():
                if self._lanes.step(response, Step.TEXT):
                    self._text(response, event.text)
            case _:
                if self._lanes.state(response) is not State.DONE:
                    return self._end(self._answers[response], event, now)
        return []

    def _text(self, response: str, text: str) -> None:
        answer = self._answers[response]
        if not answer.request.warm:
            answer.heard(text)
            self._outbox.text(response, text)

    def fail(self, response: str, code: Code, message: str) -> list[ServerEvent]:
        """End a response with an error. Returns requests that may go on now."""
        if self._lanes.state(response) is State.DONE:
            return []
        answer = self._answers[response]
        self._lineage.failed(answer.lane, answer.parent)
        return self._close(answer, answer.failed(code, message))

    def _end(self, answer: Answer, finished: Finished, now: float) -> list[ServerEvent]:
        chains = answer.request.task is not Task.COMPLETE
        if chains and finished.reason in ("stop", "length"):
            self._lineage.keep(answer.lane, answer.response, answer.turns)
        return self._close(answer, answer.finished(finished, now))

    def _close(self, answer: Answer, told: Iterable[AnswerEvent]) -> list[ServerEvent]:
        self._say(answer.response, told)
        self._lanes.step(answer.response, Step.END)
        return self._admit(answer.lane)

    def _say(self, response: str, told: Iterable[AnswerEvent]) -> None:
        for event in told:
            self._outbox.event(response, event)

    # What is to be written.

    @property
    def urgent(self) -> bool:
        """Whether something waits that should not wait for more."""
        return self._outbox.urgent

    @property
    def pending(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._outbox)

    @property
    def congested(self) -> bool:
        """Whether the peer should not be read until it has read what it was told."""
        return self._outbox.congested

    def full(self, response: str) -> bool:
        """Whether so much text of a response waits that its engine should pause."""
        return self._outbox.full(response)

    def pop(self) -> str | None:
        """Return the next message that may be written now, or None."""
        event = self.pop_event()
        return None if event is None else codec.encode(event)

    def pop_event(self) -> Said | None:
        """Return the next message as a frame."""
        popped = self._outbox.pop()
        if popped is None:
            return None
        response, entry = popped
        if not response:
            assert isinstance(entry, Said)
            return entry
        answer = self._answers[response]
        event = answer.delta(entry) if isinstance(entry, str) else cast(AnswerEvent, entry)
        answer.stamp(event)
        if isinstance(event, Terminal):
            self._forget(answer)
        return event

    def _forget(self, answer: Answer) -> None:
        del self._answers[answer.response]
        self._outbox.forget(answer.response)
        self._held -= answer.size

    def unfinished(self) -> list[str]:
        """Return the ids of all responses whose terminal is not yet decided."""
        return self._lanes.unfinished()


PUBLIC = ("response.create", "response.steer")
LIMITS = CreditLimits(lane_events=LANE_EVENTS, lane_bytes=LANE_BYTES, events=ALL_EVENTS, bytes=ALL_BYTES)


def _too_old() -> RemoteProtocolError:
    return RemoteProtocolError(
        "This connection has reached its limit of 60 minutes",
        "Nothing new is answered on it",
        "Open a new one and send the whole context",
        code=Code.CONNECTION_LIMIT,
    )


def _too_much() -> RemoteProtocolError:
    return RemoteProtocolError(
        "Too much is asked at once on this connection",
        "This request was not answered",
        "Wait for the others",
        code=Code.RATE_LIMIT_EXCEEDED,
    )
