r"""Parser of server-sent events: takes bytes in pieces of any size, returns events.

Theory. A stream consists of lines; a line ends with LF, CR or CRLF, and a CRLF may arrive in two pieces. A
non-empty line names a field (`data: …`) or is a comment (`: …`); an empty line ends an event. The parser
splits lines as bytes and decodes complete lines, so a character that arrives in two pieces is intact. The
events do not depend on how the bytes were cut. Lines after the last empty line are not an event, since they
may be incomplete; `has_unfinished` reports them.

The parser does not trust the server: it bounds the data that waits for the end of an event.
"""

from dataclasses import dataclass, field

MAX_EVENT_BYTES = 4 * 1024 * 1024  # the last event of an answer may repeat the prompt
_LF = 10
_CR = 13
_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """An event has grown larger than `MAX_EVENT_BYTES`."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its `data`, with several lines joined by LF, and its name, if it has one."""

    data: str
    name: str = ""


@dataclass(slots=True)
class EventParser:
    """Parser of one stream."""

    _rest: bytearray = field(default_factory=bytearray)
    _data: list[str] = field(default_factory=list[str])
    _name: str = ""
    _data_bytes: int = 0
    _searched: int = 0  # bytes of the rest that contain no line end
    _has_begun: bool = False
    _after_cr: bool = False  # the last line ended in CR; an LF that follows belongs to it

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """Take some bytes and return the events that they complete. Raises `EventTooLong`."""
        self._rest += piece
        if not self._has_begun and not self._skip_bom():
            return []
        events: list[ServerEvent] = []
        while (line := self._take_line()) is not None:
            if line:
                self._read_field(line)
                continue
            if self._data:  # an event without data is not an event
                events.append(ServerEvent("\n".join(self._data), self._name))
            self._clear_event()
        self._check_size(len(self._rest))
        return events

    @property
    def has_unfinished(self) -> bool:
        """Whether the stream has data after its last complete event."""
        return bool(self._rest.strip(b"\n") or self._data)

    def _skip_bom(self) -> bool:
        """Remove a byte order mark. Return False if more bytes are needed to recognize one."""
        if len(self._rest) < len(_BOM) and _BOM.startswith(self._rest):
            return False
        self._has_begun = True
        if self._rest.startswith(_BOM):
            del self._rest[: len(_BOM)]
        return True

    def _take_line(self) -> bytes | None:
        """Remove the next complete line from the rest and return it; None if no line is complete."""
        if self._after_cr and self._rest:
            self._after_cr = False
            if self._rest[0] == _LF:
                del self._rest[0]
        end = self._find_line_end()
        if end < 0:
            self._searched = len(self._rest)
            return None
        line = bytes(self._rest[:end])
        self._after_cr = self._rest[end] == _CR
        del self._rest[: end + 1]
        self._searched = 0
        return line

    def _find_line_end(self) -> int:
        """Return the index of the first LF or CR; -1 if neither is there."""
        line_feed = self._rest.find(_LF, self._searched)
        limit = len(self._rest) if line_feed < 0 else line_feed
        carriage_return = self._rest.find(_CR, self._searched, limit)
        return line_feed if carriage_return < 0 else carriage_return

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name not in (b"data", b"event", b"error"):
            return  # a comment, `id`, `retry`, or a field of a later version
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"event":
            self._name = text
            return
        if name == b"error":  # llama.cpp's own form of `event: error` and `data: …`
            self._name = "error"
        self._data_bytes += len(value)
        self._check_size(0)
        self._data.append(text)

    def _check_size(self, waiting_bytes: int) -> None:
        if self._data_bytes + waiting_bytes > MAX_EVENT_BYTES:
            raise EventTooLong(f"more than {MAX_EVENT_BYTES} bytes without the end of an event")

    def _clear_event(self) -> None:
        self._data = []
        self._name = ""
        self._data_bytes = 0
