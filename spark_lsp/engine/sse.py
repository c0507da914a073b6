"""Server-sent events, cut out of a stream however its pieces fall.

Of the format only what servers of models use: lines of `data:` up to an empty line make one event; comments
and other fields are passed over. A line that is longer than any answer's piece could be ends the reading:
what sends it is no such server.
"""

from spark_lsp.errors import EngineError

LONGEST_LINE = 1024 * 1024


class EventStream:
    """Feed bytes, get the data of whole events; `rest` tells whether something unfinished is left."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[str]:
        """Return the data of the events that are whole now. Raises `EngineError` for an endless line."""
        self._buffer += piece
        events: list[str] = []
        *lines, rest = bytes(self._buffer).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise EngineError("The engine's answer is no stream of events", "It was given up")
        self._buffer = bytearray(rest)
        for line in lines:
            self._line(line.removesuffix(b"\r").decode("utf-8", "replace"), events)
        return events

    def _line(self, line: str, events: list[str]) -> None:
        if not line:
            if self._data:
                events.append("\n".join(self._data))
                self._data = []
        elif line.startswith("data:"):
            self._data.append(line[5:].removeprefix(" "))

    @property
    def rest(self) -> bool:
        """Whether the stream stands in the middle of an event."""
        return bool(self._buffer or self._data)
