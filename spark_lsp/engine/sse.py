r"""Server-sent events, from bytes to events, in whatever pieces the bytes come.

Theory. A stream is lines; a line ends with LF, CR or CRLF, and a CRLF may be cut in two. A line that is not
empty names a field (`data: …`), or is a comment (`: …`); an empty line ends an event. Lines are cut as
bytes and decoded whole, so a character that is cut between two pieces is never seen in halves. The same
bytes give the same events however they were cut; what stands behind the last empty line is no event, since
nobody knows whether it is whole: `unfinished` tells that there was some.

Nothing here trusts the other side: what waits for its end is bounded.
"""

from dataclasses import dataclass, field

MAX_EVENT = 4 * 1024 * 1024  # bytes of one event; an answer's last one may repeat its whole prompt
LF, CR = 10, 13
_BOM = b"\xef\xbb\xbf"


class TooLong(ValueError):
    """An event has grown beyond what any server has reason to send."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its `data`, several lines joined, and its name, if it has one."""

    data: str
    name: str = ""


@dataclass(slots=True)
class Parser:
    """Feed it bytes, take its events. Raises `TooLong`."""

    _rest: bytearray = field(default_factory=bytearray)
    _data: list[str] = field(default_factory=list[str])
    _name: str = ""
    _size: int = 0
    _seen: int = 0  # bytes of the rest that are known to hold no line end
    _begun: bool = False
    _halved: bool = False  # the last line ended in CR

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """Take some bytes and return the events that they complete."""
        self._rest += piece
        if not self._begun and not self._begin():
            return []
        events: list[ServerEvent] = []
        while (line := self._line()) is not None:
            if line:
                self._field(line)
            elif self._data:
                events.append(ServerEvent("\n".join(self._data), self._name))
                self._clear()
            else:
                self._clear()  # an event without data is none
        self._bound(len(self._rest))
        return events

    @property
    def unfinished(self) -> bool:
        """Whether something came behind the last whole event."""
        return bool(self._rest.strip(b"\n") or self._data)

    def _begin(self) -> bool:
        """Take off a byte order mark; False while it may still become one."""
        if len(self._rest) < len(_BOM) and _BOM.startswith(self._rest):
            return False
        self._begun = True
        if self._rest.startswith(_BOM):
            del self._rest[: len(_BOM)]
        return True

    def _line(self) -> bytes | None:
        """Take the next whole line off the rest. A CR ends it at once; an LF right behind is its half."""
        if self._halved and self._rest:
            self._halved = False
            if self._rest[0] == LF:
                del self._rest[0]
        feed = self._rest.find(LF, self._seen)
        at = self._rest.find(CR, self._seen, feed if feed >= 0 else len(self._rest))
        at = feed if at < 0 else at
        if at < 0:
            self._seen = len(self._rest)
            return None
        line = bytes(self._rest[:at])
        self._halved = self._rest[at] == CR
        del self._rest[: at + 1]
        self._seen = 0
        return line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name not in (b"data", b"event"):
            return  # a comment, `id`, `retry`, or what a later version brings
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"event":
            self._name = text
            return
        self._size += len(value)
        self._bound(0)
        self._data.append(text)

    def _bound(self, waiting: int) -> None:
        if self._size + waiting > MAX_EVENT:
            raise TooLong(f"more than {MAX_EVENT} bytes without the end of an event")

    def _clear(self) -> None:
        self._data, self._name, self._size = [], "", 0
