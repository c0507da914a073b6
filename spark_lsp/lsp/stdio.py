"""Reading and writing LSP's framed messages on two file descriptors.

The reader is a daemon thread that hands whole bodies to the loop and waits when the loop is behind. The
writer is a thread too: an editor that stops reading must never stop the loop, so messages queue up; of
those that only paint (progress, status, growing text) the newer takes the older's place when too many
wait, and an editor that reads nothing for long is given up. Beginnings and ends are never dropped.

Header names are compared without case and in any order, as the base protocol's HTTP ancestry has it. A
body larger than the limit is read and thrown away, so that the next message is found; one that claims to
be larger than any file ends the stream, for no next message would come of it.
"""

import itertools
import json
import os
import threading
from collections.abc import Callable
from typing import Any

MAX_BODY = 32 * 1024 * 1024  # decoding one must not keep the loop for 100 ms
ABSURD = 1024 * 1024 * 1024
MAX_HEADER = 8192
MAX_DIGITS = 20  # of a length; Python itself refuses to read thousands of them
STALLED_MESSAGES = 200  # from here on messages that only paint take each other's places
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
        if length > ABSURD:
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


class Room:
    """Bounds what waits between two threads, by number and by size; one thing always fits."""

    def __init__(self, number: int, size: int) -> None:
        self._most, self._largest = number, size
        self._number = self._size = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Wait until there is room for a thing of this size, and take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size))
            self._number += 1
            self._size += size

    def _fits(self, size: int) -> bool:
        return not self._number or (self._number < self._most and self._size + size <= self._largest)

    def free(self, size: int) -> None:
        """Give the room of one thing back."""
        with self._changed:
            self._number -= 1
            self._size -= size
            self._changed.notify()


class Writer(threading.Thread):
    """Writes messages to a descriptor on its own thread; has the face that pygls wants of a writer."""

    def __init__(self, descriptor: int, on_lost: Callable[[], None]) -> None:
        super().__init__(name="lsp-writer", daemon=True)
        self._descriptor = descriptor
        self._on_lost = on_lost
        self._numbers = itertools.count()
        self._waiting: dict[int, bytes] = {}  # by number, in order
        self._painted: dict[tuple[str, ...], int] = {}  # the numbers of what may give its place up
        self._size = 0
        self._changed = threading.Condition()
        self._closed = False
        self.lost = False

    def write(self, data: bytes) -> None:
        """Queue a message; never blocks."""
        with self._changed:
            if self.lost or self._closed:
                return
            number = next(self._numbers)
            if len(self._waiting) > STALLED_MESSAGES and (picture := painted(data)) is not None:
                self._replace(picture, number)
            self._waiting[number] = data
            self._size += len(data)
            too_much = self._size > GIVE_UP_BYTES
            self._changed.notify()
        if too_much:
            self._lose()

    def _replace(self, picture: tuple[str, ...], number: int) -> None:
        """Throw away the older message of a picture, if it still waits."""
        older = self._waiting.pop(self._painted.get(picture, -1), b"")
        self._size -= len(older)
        self._painted[picture] = number

    def close(self) -> None:
        """Write what waits, for a second at most, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(1.0)

    def run(self) -> None:
        """Write until closed or until the editor is gone."""
        while (data := self._next()) is not None:
            try:
                self._write_all(data)
            except OSError:
                self._lose()
                return

    def _next(self) -> bytes | None:
        """Wait for a message; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            data = self._waiting.pop(next(iter(self._waiting)))
            self._size -= len(data)
            if not self._waiting:
                self._painted.clear()
            return data

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _lose(self) -> None:
        with self._changed:
            self.lost = True
            self._waiting.clear()
            self._size = 0
        self._on_lost()


def painted(data: bytes) -> tuple[str, ...] | None:
    """Return what a message paints, if a newer one may take its place; None for all others."""
    if not any(name in data for name in PAINT):
        return None
    message: Any = json.loads(data[data.index(b"{") :])
    empty: Any = {}
    method, params = str(message.get("method", "")), message.get("params") or empty
    token, value = str(params.get("token", "")), params.get("value") or empty
    ends = params.get("done") or value.get("kind") in ("begin", "end")
    return None if ends or f'"{method}"'.encode() not in PAINT else (method, token)
