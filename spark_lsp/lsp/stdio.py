"""Reading and writing LSP's framed messages on two file descriptors.

The loop reads where it can wait for the descriptor; elsewhere the reader is a daemon thread that hands
whole bodies to the loop and waits when the loop is behind. The writer is a thread: an
editor that stops reading must never stop the loop, so messages queue up; of those that only paint
(progress, status, growing text) the newer takes the older's place when too many wait, and an editor that
reads nothing for long is given up. Beginnings and ends are never dropped. A short message for a pipe that
has room is written by whoever says it: waking a thread takes longer.

Header names are compared without case and in any order, as the base protocol's HTTP ancestry has it. A
body larger than the limit is read and thrown away, so that the next message is found; one that claims to
be larger than any file ends the stream, for no next message would come of it.
"""

import asyncio
import itertools
import json
import os
import select
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

MAX_BODY = 16 * 1024 * 1024  # decoding one must not keep the loop for 100 ms
ABSURD = 1024 * 1024 * 1024
MAX_HEADER = 8192
MAX_DIGITS = 20  # of a length; Python itself refuses to read thousands of them
STALLED_MESSAGES = 200  # from here on messages that only paint take each other's places
GIVE_UP_BYTES = 64 * 1024 * 1024
AT_ONCE = getattr(select, "PIPE_BUF", 512)  # bytes that a pipe takes whole once it is writable
PAINT = (b'"$/progress"', b'"spark/status"', b'"spark/inlineCompletion"', b'"spark/editPreview"')


class FramingError(Exception):
    """The stream cannot be cut into messages any more."""


class Bodies:
    """Cuts bodies out of a stream that comes in any pieces; `on_refused` is told of one that is too large."""

    def __init__(self, on_body: Callable[[bytes], None], on_refused: Callable[[], None]) -> None:
        self._on_body = on_body
        self._on_refused = on_refused
        self._buffer = bytearray()
        self._length: int | None = None  # of the body that is being read
        self._skip = 0  # bytes of a refused body that are still to come

    def feed(self, piece: bytes) -> None:
        """Take some bytes. Raises `FramingError` for what cannot be cut."""
        self._buffer += piece
        while self._cut():
            pass

    def end(self) -> None:
        """Take note of the end of the stream. Raises `FramingError` inside a message."""
        if self._length is not None or self._skip:
            raise FramingError("the stream ended inside a message")

    def _cut(self) -> bool:
        """Go one step on: False if more bytes are needed for it."""
        if self._skip:
            return self._skipped()
        if self._length is None:
            self._length = self._header()
            return self._length is not None
        if self._length > MAX_BODY:
            self._refuse(self._length)
            return True
        return self._body(self._length)

    def _header(self) -> int | None:
        """Return the length of the next body, or None while its header is not all there."""
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEADER or (end < 0 and len(self._buffer) > MAX_HEADER + 3):  # its end may be half here
            raise FramingError("a header is too long")
        if end < 0:
            return None
        header = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return content_length(header)

    def _body(self, length: int) -> bool:
        if len(self._buffer) < length:
            return False
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._length = None
        self._on_body(body)
        return True

    def _refuse(self, length: int) -> None:
        if length > ABSURD:
            raise FramingError("a length is absurd")
        self._length, self._skip = None, length

    def _skipped(self) -> bool:
        taken = min(self._skip, len(self._buffer))
        del self._buffer[:taken]
        self._skip -= taken
        if not self._skip:
            self._on_refused()
        return not self._skip


class Reader(threading.Thread):
    """Reads bodies from a descriptor; `on_body(None)` means that the stream has ended.

    Started, it reads and calls on its own thread; `watch` reads and calls on a loop instead, if that can
    tell when the descriptor is readable.
    """

    def __init__(
        self, descriptor: int, on_body: Callable[[bytes | None], None], on_refused: Callable[[], None]
    ) -> None:
        super().__init__(name="lsp-reader", daemon=True)
        self._descriptor = descriptor
        self._on_body = on_body
        self._bodies = Bodies(on_body, on_refused)
        self.error: str = ""

    def run(self) -> None:
        """Read until the end of the stream."""
        while self.read():
            pass

    def watch(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Read on the loop; False where it cannot, as with files and on Windows."""

        def readable() -> None:
            if not self.read():
                loop.remove_reader(self._descriptor)

        try:
            loop.add_reader(self._descriptor, readable)
        except (OSError, NotImplementedError):
            return False
        return True

    def read(self) -> bool:
        """Read once, and tell the bodies that are complete; False at the end."""
        try:
            if piece := os.read(self._descriptor, 65_536):
                self._bodies.feed(piece)
                return True
            self._bodies.end()
        except (FramingError, OSError) as error:
            self.error = str(error)
        self._on_body(None)
        return False


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

    def acquire(self, size: int) -> None:
        """Wait until there is room for a thing of this size, and take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size))
            self._number += 1
            self._size += size

    def _fits(self, size: int) -> bool:
        return not self._number or (self._number < self._most and self._size + size <= self._largest)

    def release(self, size: int) -> None:
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
        self._writing = False  # the thread is at it
        self._closed = False
        self._poll = _writable_pipe(descriptor)
        self.lost = False

    def write(self, data: bytes) -> None:
        """Write a message, at once if that cannot block, else queue it; never blocks."""
        with self._changed:
            if self.lost or self._closed or self._written_at_once(data):
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

    def _written_at_once(self, data: bytes) -> bool:
        """Write what surely fits, if nothing is before it: the other thread would take longer to wake."""
        if self._waiting or self._writing or len(data) > AT_ONCE or not self._takes():
            return False
        with suppress(OSError):  # the other thread will find out what is wrong
            return os.write(self._descriptor, data) == len(data)
        return False

    def _takes(self) -> bool:
        """Tell whether the descriptor takes `AT_ONCE` bytes without blocking: POSIX says so of pipes."""
        return self._poll is not None and self._poll.poll(0) == [(self._descriptor, select.POLLOUT)]

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
            with self._changed:
                self._writing = False

    def _next(self) -> bytes | None:
        """Wait for a message; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            self._writing = True
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


def _writable_pipe(descriptor: int) -> "select.poll | None":
    """Return what tells whether a pipe is writable; None for anything but a pipe."""
    if not hasattr(select, "poll") or not _is_pipe(descriptor):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll


def _is_pipe(descriptor: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


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
