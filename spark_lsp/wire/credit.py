"""Credit: the flow-control windows of a connection, which limit the text that the peer has not read yet.

Theory. A writer that sends everything it has fills the kernel's buffers (about 3.6 MB on loopback). Then one
slow reader of one lane holds up every other lane of the connection. Text is therefore sent on *credit*: each
lane has a window, and the connection has one for all lanes. Both count events and bytes. A delta spends
credit from both windows; the peer returns credit for the text that it has *read*, not for the text that has
arrived. Without credit, text waits and is merged, so the queue does not grow in messages, and other lanes
continue.

Only deltas spend credit. A window may fall below zero by one delta, so text need not be cut to the byte. A
peer cannot open a window wider than its size: excess credit is ignored.
"""

from dataclasses import dataclass

LANE_EVENTS = 64
LANE_BYTES = 256 * 1024
ALL_EVENTS = 512
ALL_BYTES = 1024 * 1024


@dataclass(slots=True)
class Window:
    """The credit that is left, and the size of the window."""

    max_events: int
    max_bytes: int
    events: int
    bytes: int

    @classmethod
    def of_lane(cls) -> "Window":
        """Return the full window of a lane."""
        return cls(LANE_EVENTS, LANE_BYTES, LANE_EVENTS, LANE_BYTES)

    @classmethod
    def of_connection(cls) -> "Window":
        """Return the full window of a connection."""
        return cls(ALL_EVENTS, ALL_BYTES, ALL_EVENTS, ALL_BYTES)

    def restore(self, events: int, size: int) -> None:
        """Add the credit that the peer returns; negative and excess amounts are ignored."""
        self.events = min(self.events + max(events, 0), self.max_events)
        self.bytes = min(self.bytes + max(size, 0), self.max_bytes)


class Credit:
    """The windows of one connection, as the sender keeps them. A connection has at most 33 lanes."""

    def __init__(self) -> None:
        self._all = Window.of_connection()
        self._lanes: dict[str | None, Window] = {}

    def allows(self, lane: str | None) -> bool:
        """Return whether a delta may be sent on this lane now."""
        every = self._all
        if every.events <= 0 or every.bytes <= 0:
            return False
        window = self._lanes.get(lane)
        return window is None or (window.events > 0 and window.bytes > 0)

    def spend(self, lane: str | None, text: str) -> None:
        """Count a delta that is being sent."""
        window = self._lanes.get(lane)
        if window is None:
            window = self._lanes[lane] = Window.of_lane()
        size = count_bytes(text)
        # Written out: this runs once per message.
        window.events -= 1
        window.bytes -= size
        self._all.events -= 1
        self._all.bytes -= size

    def restore(self, lane: str | None, events: int, size: int) -> None:
        """Add the credit that the peer returns for a lane; ignored for a lane that never spent any."""
        window = self._lanes.get(lane)
        if window is not None:
            window.restore(events, size)
            self._all.restore(events, size)


class CreditToReturn:
    """The deltas that the reader has read and not yet returned credit for.

    The credit of a lane is returned once it is half of the lane's window, and all credit once it is half of
    the connection's window. A reader that keeps up sends one small message for some dozens of deltas, and the
    writer never has to stop for it.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[int, int]] = {}
        self._events = 0
        self._bytes = 0

    def count_read(self, lane: str, events: int, size: int) -> dict[str, tuple[int, int]]:
        """Count deltas that were read; return the `(events, bytes)` to return now, by lane."""
        before = self._lanes.get(lane, (0, 0))
        owed = (before[0] + events, before[1] + size)
        self._lanes[lane] = owed
        self._events += events
        self._bytes += size
        if self._events * 2 >= ALL_EVENTS or self._bytes * 2 >= ALL_BYTES:
            return self._settle(list(self._lanes))
        if owed[0] * 2 >= LANE_EVENTS or owed[1] * 2 >= LANE_BYTES:
            return self._settle([lane])
        return {}

    def _settle(self, lanes: list[str]) -> dict[str, tuple[int, int]]:
        settled = {lane: self._lanes.pop(lane) for lane in lanes}
        self._events -= sum(events for events, _ in settled.values())
        self._bytes -= sum(size for _, size in settled.values())
        return settled


def count_bytes(text: str) -> int:
    """Return the bytes of a text in UTF-8; a lone surrogate counts as three bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
