"""What a server has to say and has not yet written.

Rules: control messages go first; what belongs to one lane keeps its order; lanes take turns.
Text that waits is merged with text that waits before it, so that a slow reader gets larger pieces instead
of a longer queue, and no piece is larger than a message may be. Text goes only on credit where there is
credit to be had; everything else is never held up by a lack of it, except by text of its own response
that comes first. A response's first text is *urgent*: whoever writes does so at once, while further text
may wait a few milliseconds for more.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from spark_lsp.wire.credit import Credit
from spark_lsp.wire.frames import CHUNK_CHARS, AnswerEvent, Said

Entry = Said | str  # a message, or text for a delta
FULL_CHARS = 256 * 1024  # waiting text of one response from which its engine should pause
CONGESTED = 1024  # control messages from which the peer should not be read


class _Text:
    """Text that waits, in the pieces in which it came."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0

    def add(self, text: str) -> None:
        self.pieces.append(text)
        self.size += len(text)

    def take(self) -> str:
        """Take as much as one message may carry; the rest stays."""
        whole = self.pieces[0] if len(self.pieces) == 1 else "".join(self.pieces)
        taken, rest = whole[:CHUNK_CHARS], whole[CHUNK_CHARS:]
        self.pieces, self.size = [rest] if rest else [], len(rest)
        return taken


@dataclass(slots=True)
class _Queue:
    """What one lane has to say, in order; `waiting` counts characters of text."""

    entries: deque[tuple[str, AnswerEvent | _Text]] = field(
        default_factory=deque[tuple[str, AnswerEvent | _Text]]
    )
    waiting: int = 0


class Outbox:
    """See the module's text. Without `credit` text may always go: the public protocol has none."""

    def __init__(self, credit: Credit | None = None) -> None:
        self._credit = credit
        self._control: deque[Said] = deque()
        self._lane_of: dict[str, str | None] = {}
        self._queues: dict[str | None, _Queue] = {}
        self._turn: OrderedDict[str | None, _Queue] = OrderedDict()  # those with something to say, in turn
        self._spoke: set[str] = set()
        self.urgent = False

    def open(self, response: str, lane: str | None) -> None:
        """Make room for what a response will say."""
        self._lane_of[response] = lane
        self._queues.setdefault(lane, _Queue())

    def control(self, message: Said) -> None:
        """Add a message that belongs to no lane's order."""
        self._control.append(message)
        self.urgent = True

    def event(self, response: str, event: AnswerEvent) -> None:
        """Add an event of a response."""
        self._queue_of(response).entries.append((response, event))
        self.urgent = True

    def text(self, response: str, text: str) -> None:
        """Add text of a response, merged with what waits."""
        if not text:
            return
        queue = self._queue_of(response)
        last = queue.entries[-1][1] if queue.entries else None
        if not isinstance(last, _Text):
            last = _Text()
            queue.entries.append((response, last))
        last.add(text)
        queue.waiting += len(text)
        if response not in self._spoke:
            self._spoke.add(response)
            self.urgent = True

    def _queue_of(self, response: str) -> _Queue:
        lane = self._lane_of[response]
        return self._turn.setdefault(lane, self._queues[lane])

    def drop_text(self, response: str) -> None:
        """Forget text that nobody listens to any more."""
        lane = self._lane_of[response]
        queue = self._queues[lane]
        kept = [each for each in queue.entries if each[0] != response or not isinstance(each[1], _Text)]
        queue.entries = deque(kept)
        queue.waiting = sum(each.size for _, each in kept if isinstance(each, _Text))
        if not kept:
            self._turn.pop(lane, None)

    def forget(self, response: str) -> None:
        """Note that a response's terminal has been written."""
        del self._lane_of[response]
        self._spoke.discard(response)

    def full(self, response: str) -> bool:
        """Return whether so much text waits before a response that its engine should pause."""
        return response in self._lane_of and self._queues[self._lane_of[response]].waiting >= FULL_CHARS

    @property
    def congested(self) -> bool:
        """Whether the peer asks faster than it reads what it is told."""
        return len(self._control) >= CONGESTED

    def pop(self) -> tuple[str, Entry] | None:
        """Return the next `(response, entry)` to write; the response is empty for control messages."""
        if self._control:
            return "", self._control.popleft()
        for lane, queue in self._turn.items():
            if not isinstance(queue.entries[0][1], _Text) or self._allows(lane):
                return self._take(lane, queue)
        self.urgent = False
        return None

    def _allows(self, lane: str | None) -> bool:
        return self._credit is None or self._credit.allows(lane)

    def _take(self, lane: str | None, queue: _Queue) -> tuple[str, Entry]:
        """Take the first entry of a lane and send the lane behind the others."""
        response, first = queue.entries[0]
        if isinstance(first, _Text):
            entry: Entry = first.take()
            queue.waiting -= len(entry)
            if self._credit is not None:
                self._credit.spend(lane, entry)
            done = not first.size
        else:
            entry, done = first, True
        if done:
            queue.entries.popleft()
        if queue.entries:
            self._turn.move_to_end(lane)
        else:
            del self._turn[lane]
        return response, entry

    def __bool__(self) -> bool:
        return bool(self._control or self._turn)
