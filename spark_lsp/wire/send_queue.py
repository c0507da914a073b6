"""The messages that a server has not written yet, and the order in which it writes them.

Rules:

1. Control messages go first.
2. The messages of one lane keep their order; lanes take turns.
3. Text that waits is merged with the text before it. A slow reader therefore gets larger pieces instead of a
   longer queue. No piece is larger than `CHUNK_CHARS`.
4. Text needs credit, where the connection has credit. Nothing else does, but an event never overtakes the
   text of its own response.
5. Control messages, events and the first text of a response are *urgent*: the writer sends them at once.
   Further text may wait a few milliseconds for more.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from spark_lsp.wire.credit import Credit
from spark_lsp.wire.frames import CHUNK_CHARS, ServerMessage
from spark_lsp.wire.response_frames import AnswerEvent

Entry = ServerMessage | str  # a message, or text for a delta
Pieces = list[str]  # text that waits, in the pieces in which it came
PAUSE_ENGINE_CHARS = 256 * 1024  # waiting text of one lane at which its engine should pause
PAUSE_READING_MESSAGES = 1024  # waiting control messages at which the peer should not be read


@dataclass(slots=True)
class _LaneQueue:
    """The entries of one lane, in order; `waiting` counts characters of text."""

    entries: deque[tuple[str, AnswerEvent | Pieces]] = field(
        default_factory=deque[tuple[str, AnswerEvent | Pieces]]
    )
    waiting: int = 0


class SendQueue:
    """See the module's text. Without `credit`, text may always go: the public protocol has no credit."""

    def __init__(self, credit: Credit | None = None) -> None:
        self.urgent = False  # whether a message waits that should not wait for more
        self._credit = credit
        self._control: deque[ServerMessage] = deque()
        self._lane_of: dict[str, str | None] = {}  # by response
        self._lanes: dict[str | None, _LaneQueue] = {}
        self._ready: OrderedDict[str | None, _LaneQueue] = OrderedDict()  # lanes with entries, in turn
        self._has_text: set[str] = set()  # responses whose first text has been queued

    def open_response(self, response: str, lane: str | None) -> None:
        """Prepare the queue for the messages of a response."""
        self._lane_of[response] = lane
        self._lanes.setdefault(lane, _LaneQueue())

    def add_control(self, message: ServerMessage) -> None:
        """Add a message that has no place in a lane's order."""
        self._control.append(message)
        self.urgent = True

    def add_event(self, response: str, event: AnswerEvent) -> None:
        """Add an event of a response."""
        lane = self._lane_of[response]
        queue = self._ready.setdefault(lane, self._lanes[lane])
        queue.entries.append((response, event))
        self.urgent = True

    def add_text(self, response: str, text: str) -> None:
        """Add text of a response, merged with the text that waits."""
        if not text:
            return
        lane = self._lane_of[response]
        queue = self._ready.setdefault(lane, self._lanes[lane])
        last = queue.entries[-1][1] if queue.entries else None
        if isinstance(last, list):
            last.append(text)
        else:
            queue.entries.append((response, [text]))
        queue.waiting += len(text)
        if response not in self._has_text:
            self._has_text.add(response)
            self.urgent = True

    def has_text(self, response: str) -> bool:
        """Return whether the first text of an unfinished response has been queued."""
        return response in self._has_text

    def drop_text(self, response: str) -> None:
        """Remove the waiting text of a response that has no reader any more."""
        lane = self._lane_of[response]
        queue = self._lanes[lane]
        kept = [each for each in queue.entries if each[0] != response or not isinstance(each[1], list)]
        queue.entries = deque(kept)
        queue.waiting = sum(len(piece) for _, each in kept if isinstance(each, list) for piece in each)
        if not kept:
            self._ready.pop(lane, None)

    def close_response(self, response: str) -> None:
        """Note that the terminal event of a response has been written."""
        del self._lane_of[response]
        self._has_text.discard(response)

    def is_full(self, response: str) -> bool:
        """Return whether so much text waits on the lane of a response that its engine should pause."""
        if response not in self._lane_of:
            return False
        return self._lanes[self._lane_of[response]].waiting >= PAUSE_ENGINE_CHARS

    @property
    def is_congested(self) -> bool:
        """Whether the peer sends requests faster than it reads the answers."""
        return len(self._control) >= PAUSE_READING_MESSAGES

    def pop(self) -> tuple[str, Entry] | None:
        """Return the next `(response, entry)` to write; the response is empty for control messages."""
        if self._control:
            return "", self._control.popleft()
        for lane, queue in self._ready.items():
            is_text = isinstance(queue.entries[0][1], list)
            if not is_text or self._credit is None or self._credit.allows(lane):
                return self._take_first(lane, queue)
        self.urgent = False
        return None

    def _take_first(self, lane: str | None, queue: _LaneQueue) -> tuple[str, Entry]:
        """Take the first entry of a lane, then let the other lanes have their turn."""
        response, first = queue.entries.popleft()
        if isinstance(first, list):
            text = first[0] if len(first) == 1 else "".join(first)
            entry: Entry = text[:CHUNK_CHARS]
            if len(text) > CHUNK_CHARS:
                queue.entries.appendleft((response, [text[CHUNK_CHARS:]]))
            queue.waiting -= len(entry)
            if self._credit is not None:
                self._credit.spend(lane, entry)
        else:
            entry = first
        if queue.entries:
            self._ready.move_to_end(lane)
        else:
            del self._ready[lane]
        return response, entry

    def __bool__(self) -> bool:
        return bool(self._control or self._ready)
