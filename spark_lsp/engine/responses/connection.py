"""The client's end of a WebSocket connection to a service that knows the public rules alone. No I/O.

The names of lanes are never freed on such a connection, and there are 32: 16 for requests, 16 for bases. At
most 16 responses are in flight. A lane has one response at a time. Nothing can be cancelled: a cancelled
lane is busy until its response has ended, and its events are ignored. A response that was cancelled because
the user has added a sentence can be *steered* instead: it ends early, and a successor follows on its lane.

A lane of bases keeps its latest response, so each base stays on its own lane until another base needs it.

Some servers do not know lanes: their events name none. Until the first event has shown whether this server
does, and from then on if it does not, only one response is in flight. If that one is cancelled, the
connection is of no more use (`is_stuck`).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.answer_events import Chunk
from spark_lsp.codes import Code
from spark_lsp.engine.responses import errors
from spark_lsp.engine.responses.events import PublicEvent, ResponseReader, decode, read_refusal
from spark_lsp.engine.responses.steers import (
    Outcome,
    Steer,
    make_steer,
    make_steer_error,
    refuses_steering,
)
from spark_lsp.errors import LocalProtocolError
from spark_lsp.wire import codec
from spark_lsp.wire.client_events import Alive, Answered, ClientEvent, Failed, Leaving

REQUEST_LANES = tuple(f"a.{number}" for number in range(16))
BASE_LANES = tuple(f"b.{number}" for number in range(16))
MAX_IN_FLIGHT = 16
UNNAMED = "-"  # our name for the default lane


@dataclass(slots=True)
class Outgoing:
    """A request to send, and the reader of its response. `lane` is empty for any free lane of requests."""

    body: dict[str, Any]
    lane: str = ""
    reader: ResponseReader = field(default_factory=ResponseReader)


@dataclass(slots=True)
class _Lane:
    reader: ResponseReader
    cancelled: bool = False
    steer: Steer | None = None


class PublicConnection:
    """See the module's text. `engine` is the engine's name, for messages; `now` is Unix time."""

    def __init__(self, engine: str, now: Callable[[], float] = float) -> None:
        self.has_lanes: bool | None = None  # None until the first event
        self.has_steering = True  # until the service refuses a steer because it has none
        self._engine = engine
        self._now = now
        self._lanes: dict[str, _Lane] = {}
        self._queue: deque[dict[str, Any]] = deque()

    # Requests.

    def create(self, outgoing: Outgoing) -> str:
        """Send a request; return its lane. Raises `LocalProtocolError` if no lane is free."""
        lane = self._find_lane(outgoing)
        self._lanes[lane] = _Lane(outgoing.reader)
        named = {"stream_id": lane} if lane != UNNAMED else {}
        self._queue.append({"type": "response.create", **named, **outgoing.body})
        return lane

    def _find_lane(self, outgoing: Outgoing) -> str:
        room = MAX_IN_FLIGHT if self.has_lanes else 1
        if len(self._lanes) < room:
            if self.has_lanes is False:
                return UNNAMED
            names = (outgoing.lane,) if outgoing.lane else REQUEST_LANES
            for name in names:
                if name not in self._lanes:
                    return name
        raise LocalProtocolError("Too many requests at once", "This one was not sent", "Wait for the others")

    @property
    def busy_lanes(self) -> frozenset[str]:
        """The lanes whose responses have not ended."""
        return frozenset(self._lanes)

    @property
    def is_stuck(self) -> bool:
        """Whether the only lane waits for the end of a cancelled response."""
        return self.has_lanes is False and any(lane.cancelled for lane in self._lanes.values())

    def cancel(self, lane: str) -> None:
        """Ignore the rest of a response; its lane is free after its end."""
        if (known := self._lanes.get(lane)) is not None:
            known.cancelled = True

    # Steering.

    def may_steer(self, lane: str) -> bool:
        """Return whether a cancelled response can be steered: it has begun, and has not ended."""
        known = self._lanes.get(lane)
        if known is None or not self.has_lanes or not self.has_steering or known.steer is not None:
            return False
        return known.cancelled and bool(known.reader.response_id) and not known.reader.has_ended

    def steer(self, lane: str, text: str, reader: ResponseReader) -> str:
        """Continue a cancelled response with a text of the user; `reader` reads its successor.

        Return the lane. Raises `LocalProtocolError` if the response cannot be steered any more.
        """
        if not self.may_steer(lane):
            raise LocalProtocolError(
                "The response cannot be steered", "Nothing was sent", "Send a new request"
            )
        known = self._lanes[lane]
        known.cancelled, known.steer = False, Steer(reader)
        self._queue.append(make_steer(known.reader.response_id, text))
        return lane

    def is_steer_open(self, lane: str) -> bool:
        """Return whether the service has not said yet whether it accepts a steer."""
        known = self._lanes.get(lane)
        return known is not None and known.steer is not None and not known.steer.accepted

    def _take_steered(self, name: str, lane: _Lane, steer: Steer, event: PublicEvent) -> list[ClientEvent]:
        """Take an event of a lane whose response is steered."""
        outcome = steer.take(lane.reader, event)
        if outcome is Outcome.CONTINUES:
            lane.reader, lane.steer = steer.reader, None
            return self._take_event(name, lane, event)
        if outcome is Outcome.WAITS:
            return [Alive(name)] if steer.accepted and not lane.cancelled else []
        return self._fail_steer(name, lane, event)

    def _fail_steer(self, name: str, lane: _Lane, event: PublicEvent) -> list[ClientEvent]:
        """End a steer that was rejected; the response itself may still be in progress."""
        failed: list[ClientEvent] = []
        if not lane.cancelled:
            failed.append(Failed(name, make_steer_error(self._engine)))
        self.has_steering = self.has_steering and not refuses_steering(event)
        lane.cancelled, lane.steer = True, None
        if lane.reader.has_ended:
            del self._lanes[name]
        return failed

    def read(self, lane: str) -> None:
        """Do nothing: this protocol has no credit."""

    # Messages from the service.

    def receive(self, message: str | bytes) -> list[ClientEvent]:
        """Take one message. Raises `RemoteProtocolError` if it is not a JSON object in text."""
        event = decode(message)
        name = self._lane_of(event)
        lane = self._lanes.get(name)
        if lane is None:
            return self._take_stray(event)
        if lane.steer is not None:
            return self._take_steered(name, lane, lane.steer, event)
        return self._take_event(name, lane, event)

    def _take_event(self, name: str, lane: _Lane, event: PublicEvent) -> list[ClientEvent]:
        events = lane.reader.feed(event)
        if lane.reader.has_ended:
            del self._lanes[name]
        taken: list[ClientEvent] = [Answered(name, each) for each in events]
        if lane.reader.is_sign(event) and not any(isinstance(each, Chunk) for each in events):
            taken.append(Alive(name))
        return self._end_lane(name, lane, taken)

    def _end_lane(self, name: str, lane: _Lane, taken: list[ClientEvent]) -> list[ClientEvent]:
        """Add the failure of a lane; drop the events of a cancelled one."""
        if lane.reader.refusal is None:
            return [] if lane.cancelled else taken
        error = errors.make_refused_error(self._engine, lane.reader.refusal, self._now())
        taken.append(Failed(name, error))
        leaving: list[ClientEvent] = [Leaving(error.refusal.code)] if error.ends_connection else []
        return [*([] if lane.cancelled else taken), *leaving]

    def _lane_of(self, event: PublicEvent) -> str:
        """Return the lane of an event; learn from the first whether the server names lanes."""
        if isinstance(event.stream_id, str):
            self.has_lanes = True
            return event.stream_id
        begins = event.type.startswith("response.")
        if self.has_lanes is None and begins and self._lanes:
            self.has_lanes = False
        if not self.has_lanes and self._lanes and (begins or not self._is_about_connection(event)):
            return next(iter(self._lanes))
        return UNNAMED

    def _is_about_connection(self, event: PublicEvent) -> bool:
        return event.type != "error" or read_refusal(event).code == Code.CONNECTION_LIMIT

    def _take_stray(self, event: PublicEvent) -> list[ClientEvent]:
        """Take an event of no lane: most say nothing of a request."""
        if event.type != "error":
            return []
        refusal = read_refusal(event)
        if refusal.code in (Code.CONNECTION_LIMIT, Code.STREAM_LIMIT):
            return [Leaving(refusal.code)]
        open_steers = [name for name in self._lanes if self.is_steer_open(name)]
        if len(open_steers) == 1:  # a steer names no lane, so its refusal may name none
            return self._fail_steer(open_steers[0], self._lanes[open_steers[0]], event)
        if len(self._lanes) == 1:  # it can only be about this one
            name, lane = self._lanes.popitem()
            lane.reader.feed(event)
            return self._end_lane(name, lane, [])
        return []

    def lose_connection(self) -> list[ClientEvent]:
        """Note that the connection is lost: every request in flight fails."""
        error = errors.make_lost_error(self._engine)
        failed: list[ClientEvent] = [
            Failed(name, error) for name, lane in self._lanes.items() if not lane.cancelled
        ]
        self._lanes.clear()
        return failed

    # Messages to write.

    @property
    def pending(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._queue)

    def pop(self) -> str | None:
        """Return the next message to write, or None."""
        if not self._queue:
            return None
        return codec.encode(self._queue.popleft())
