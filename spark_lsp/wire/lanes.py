"""Lanes and the state table of responses.

Theory. A connection carries many responses. Each belongs to a *lane*, a queue of responses: `stream_id` names
it, and the default lane has no name. The responses of one lane follow each other in order; different lanes
are independent. Each response passes through the table below and reaches DONE exactly once, when its one
terminal event is queued. Later events of an engine for a response that is DONE are dropped; any other step
that is not in the table is a bug of ours.

    WAITING   another response of its lane comes first
    OPEN      an engine has the request and has not begun
    ACTIVE    `response.created` is queued, text may follow
    DONE      the terminal event is queued

A client may name 32 lanes per connection, and names are never freed.
"""

import re
from collections import deque
from enum import IntEnum, auto

from spark_lsp.codes import Code
from spark_lsp.errors import LocalProtocolError, RemoteProtocolError

MAX_LANES = 32
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")


class State(IntEnum):
    """The state of a response."""

    WAITING = auto()
    OPEN = auto()
    ACTIVE = auto()
    DONE = auto()


class Step(IntEnum):
    """A change of a response's state."""

    ADMIT = auto()
    START = auto()
    TEXT = auto()
    END = auto()  # finished, failed or cancelled: one terminal event is queued


TABLE: dict[tuple[State, Step], State] = {
    (State.WAITING, Step.ADMIT): State.OPEN,
    (State.WAITING, Step.END): State.DONE,
    (State.OPEN, Step.START): State.ACTIVE,
    (State.OPEN, Step.END): State.DONE,
    (State.ACTIVE, Step.TEXT): State.ACTIVE,
    (State.ACTIVE, Step.END): State.DONE,
}


def is_name(lane: str) -> bool:
    """Return whether this is a valid name of a lane."""
    return _NAME.fullmatch(lane) is not None


class Lanes:
    """All lanes of one connection."""

    def __init__(self) -> None:
        self._queues: dict[str | None, deque[str]] = {}
        self._states: dict[str, State] = {}
        self._lane_of: dict[str, str | None] = {}

    def enter(self, lane: str | None, response: str) -> None:
        """Queue a new response. Raises `RemoteProtocolError` for a bad name or one lane too many."""
        if lane is not None and lane not in self._queues:
            self._check_name(lane)
        self._queues.setdefault(lane, deque()).append(response)
        self._states[response] = State.WAITING
        self._lane_of[response] = lane

    def succeed(self, response: str, successor: str) -> None:
        """Queue a response directly after an unfinished one, before the others of the lane."""
        lane = self._lane_of[response]
        queue = self._queues[lane]
        queue.insert(queue.index(response) + 1, successor)
        self._states[successor] = State.WAITING
        self._lane_of[successor] = lane

    def step(self, response: str, step: Step) -> bool:
        """Take one step; return False if the response has ended, so that the caller drops a late event.

        Raises `LocalProtocolError` for a step that is not in the table.
        """
        state = self._states.get(response, State.DONE)
        if state is State.DONE:
            return False
        target = TABLE.get((state, step))
        if target is None:
            raise LocalProtocolError(f"A response in state {state.name} cannot {step.name}")
        self._states[response] = target
        if target is State.DONE:
            self._leave(response)
        return True

    def admissible(self, lane: str | None) -> str | None:
        """Return the response at the head of `lane` if it is WAITING."""
        queue = self._queues.get(lane)
        return queue[0] if queue and self._states[queue[0]] is State.WAITING else None

    def state(self, response: str) -> State:
        """Return the state of a response; of an unknown one, DONE."""
        return self._states.get(response, State.DONE)

    def is_admitted(self, response: str) -> bool:
        """Return whether an engine may have the request of a response that has not ended."""
        return self.state(response) in (State.OPEN, State.ACTIVE)

    def lane(self, response: str) -> str | None:
        """Return the lane of a response that has not ended."""
        return self._lane_of[response]

    def current(self, lane: str | None) -> str | None:
        """Return the response at the head of `lane`, if there is one."""
        queue = self._queues.get(lane)
        return queue[0] if queue else None

    def list_unfinished(self) -> list[str]:
        """Return every response that has not ended."""
        return list(self._states)

    def _check_name(self, lane: str) -> None:
        if not is_name(lane):
            raise RemoteProtocolError(
                "stream_id must be 1 to 256 letters, digits, dots, dashes or underscores",
                code=Code.INVALID_STREAM_ID,
            )
        named = len(self._queues) - (None in self._queues)
        if named >= MAX_LANES:
            raise RemoteProtocolError(
                f"A connection has at most {MAX_LANES} stream ids; reuse one",
                code=Code.STREAM_LIMIT,
            )

    def _leave(self, response: str) -> None:
        """Forget an ended response, because a connection lives long."""
        self._queues[self._lane_of.pop(response)].remove(response)
        del self._states[response]
