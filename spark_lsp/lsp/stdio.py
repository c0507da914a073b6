"""Reading and writing LSP's framed messages on two file descriptors.

The reader is a daemon thread that hands whole bodies to the loop and waits when the loop is behind. The
writer is a thread too: an editor that stops reading must never stop the loop, so messages queue up; of
those that only paint (progress, status, growing text), the older are dropped when too many wait, and an
editor that reads nothing for long is given up.

Header names are compared without case and in any order, as the base protocol's HTTP ancestry has it. A
body larger than the limit is read and thrown away, so that the next message is found.
"""

import os
import queue
import threading
from collections.abc import Callable

MAX_BODY = 64 * 1024 * 1024
MAX_HEADER = 8192
MAX_DIGITS = 20  # of a length; Python itself refuses to read thousands of them
STALLED_MESSAGES = 1_000  # from here on messages that only paint are dropped
GIVE_UP_BYTES = 64 * 1024 * 1024
PAINT = (b'"$/progress"', b'"spark/status"', b'"spark/inlineCompletion"', b'"spark/editPreview"')


class FramingError(Exception):
    """The stream cannot be cut into messages any more."""


class Reader(threading.Thread):
    """Reads bodies from a descriptor; `on_body(None)` means that the stream has ended.

    `on_body` is called on this thread. `on_refused` is told of a body that was too large.
    """

    def __init__(
        self, descriptor: int, on_body: Callable[[bytes | None], None], on_refused: Callable[[], None]
    ) -> None:
        super().__init__(name="lsp-reader", daemon=True)
        self._descriptor = descriptor
        self._on_body = on_body
        self._on_refused = on_refused
        self._buffer = bytearray()
        self.error: str = ""

    def run(self) -> None:
        """Read until the end of the stream."""
        try:
            while (length := self._header()) is not None:
                self._body(length)
        except (FramingError, OSError) as error:
            self.error = str(error)
        self._on_body(None)

    def _fill(self) -> bool:
        piece = os.read(self._descriptor, 65_536)
        self._buffer += piece
        return bool(piece)

    def _header(self) -> int | None:
        """Return the length of the next body, or None at the end of the stream."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEADER + 3:  # all but one byte of its end may be here
                raise FramingError("a header is too long")
            if not self._fill():
                return None
        if end > MAX_HEADER:
            raise FramingError("a header is too long")
        header = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return content_length(header)

    def _body(self, length: int) -> None:
        if length > MAX_BODY:
            self._skip(length)
            self._on_refused()
            return
        while len(self._buffer) < length:
            if not self._fill():
                raise FramingError("the stream ended inside a message")
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._on_body(body)

    def _skip(self, length: int) -> None:
        if length > 1 << 40:
            raise FramingError("a length is absurd")
        while length > len(self._buffer):
            length -= len(self._buffer)
            self._buffer.clear()
            if not self._fill():
                raise FramingError("the stream ended inside a message")
        del self._buffer[:length]


def content_length(header: bytes) -> int:
    """Return the one Content-Length of a header. Raises `FramingError`."""
    found: set[int] = set()
    for line in header.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"content-length":
            if not value.strip().isdigit():
                raise FramingError("a length is not a number")
            if len(value.strip()) > MAX_DIGITS:
                raise FramingError("a length is absurd")
            found.add(int(value))
    if len(found) != 1:
        raise FramingError("a message has no length, or two")
    return found.pop()


class Writer(threading.Thread):
    """Writes messages to a descriptor on its own thread; has the face that pygls wants of a writer."""

    def __init__(self, descriptor: int, on_lost: Callable[[], None]) -> None:
        super().__init__(name="lsp-writer", daemon=True)
        self._descriptor = descriptor
        self._on_lost = on_lost
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self.lost = False

    def write(self, data: bytes) -> None:
        """Queue a message; never blocks."""
        if self.lost:
            return
        stalled = self._queue.qsize() > STALLED_MESSAGES
        if stalled and any(name in data[:256] for name in PAINT):
            return
        with self._lock:
            self._waiting += len(data)
        if self._waiting > GIVE_UP_BYTES:
            self._lose()
            return
        self._queue.put(data)

    def close(self) -> None:
        """Write what waits, for a second at most, then stop."""
        self._queue.put(None)
        if self.is_alive() and threading.current_thread() is not self:
            self.join(1.0)

    def run(self) -> None:
        """Write until closed or until the editor is gone."""
        while (data := self._queue.get()) is not None:
            try:
                self._write_all(data)
            except OSError:
                self._lose()
                return
            with self._lock:
                self._waiting -= len(data)

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _lose(self) -> None:
        self.lost = True
        self._on_lost()
