"""How much text may be on its way to a peer that has not yet read it.

Theory. A writer that sends whatever it has fills the kernel's buffers (about 3.6 MB on loopback), and
then one slow reader of one lane holds up every other lane of the connection. So text is sent on credit:
each lane has a window, the connection has one for all lanes, both count events and bytes. Sending a
delta spends from both; the peer gives back what it has *read*, not what has arrived. Without credit text
waits and is merged, so the queue does not grow in messages, and neighbours go on.

Only deltas spend. A window may go below zero by at most one delta, which spares cutting text to the byte;
what a peer gives back beyond the whole window is ignored, so that no peer can open it wider.
"""

from dataclasses import dataclass

LANE_EVENTS, LANE_BYTES = 64, 256 * 1024
ALL_EVENTS, ALL_BYTES = 512, 1024 * 1024


@dataclass(slots=True)
class Window:
    """What may still be sent; `top_events` and `top_bytes` are the whole window."""

    top_events: int
    top_bytes: int
    events: int = 0
    bytes: int = 0

    def __post_init__(self) -> None:
        self.events, self.bytes = self.top_events, self.top_bytes

    @property
    def open(self) -> bool:
        """Whether one more delta may go."""
        return self.events > 0 and self.bytes > 0

    def spend(self, size: int) -> None:
        """Count one delta of `size` bytes."""
        self.events -= 1
        self.bytes -= size

    def give(self, events: int, size: int) -> None:
        """Take back what the peer has read; what is negative or too much is ignored."""
        self.events = min(self.events + max(events, 0), self.top_events)
        self.bytes = min(self.bytes + max(size, 0), self.top_bytes)


class Credit:
    """The windows of one connection, as the sender keeps them. Lanes are the connection's own 33."""

    def __init__(self) -> None:
        self._all = Window(ALL_EVENTS, ALL_BYTES)
        self._lanes: dict[str | None, Window] = {}

    def allows(self, lane: str | None) -> bool:
        """Return whether a delta may be sent on this lane now."""
        window = self._lanes.get(lane)
        return self._all.open and (window is None or window.open)

    def spend(self, lane: str | None, text: str) -> None:
        """Count a delta that is being sent."""
        size = size_of(text)
        window = self._lanes.get(lane)
        if window is None:
            window = self._lanes[lane] = Window(LANE_EVENTS, LANE_BYTES)
        window.spend(size)
        self._all.spend(size)

    def give(self, lane: str | None, events: int, size: int) -> None:
        """Take back what the peer has read of a lane; of a lane that never spent, nothing."""
        window = self._lanes.get(lane)
        if window is not None:
            window.give(events, size)
            self._all.give(events, size)


class Debt:
    """What the reader of deltas has read and not yet given back.

    A lane's share is given back once it is half of the lane's window, and everything once it is half of
    the connection's: a reader who keeps up pays one small message for some dozens of deltas, and the
    writer never has to stop for it.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[int, int]] = {}
        self._events = self._bytes = 0

    def read(self, lane: str, events: int, size: int) -> dict[str, tuple[int, int]]:
        """Count deltas that were read; return the `(events, bytes)` of lanes to be given back now."""
        before = self._lanes.get(lane, (0, 0))
        owed = self._lanes[lane] = (before[0] + events, before[1] + size)
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


def size_of(text: str) -> int:
    """Return the bytes of a text in UTF-8; lone surrogates count as the three bytes they would take."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
