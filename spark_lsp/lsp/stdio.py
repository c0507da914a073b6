"""Reads and writes LSP's framed messages on two file descriptors.

The event loop reads if it can wait for the descriptor. Otherwise a daemon thread reads; it passes complete
bodies to the event loop, and waits if too many bodies are queued.

A thread writes, because an editor that stops reading must never block the event loop. Its messages are
queued. If too many are queued, a newer message replaces an older one that only updates the display (progress,
status, streamed text); the first and last message of a series are never dropped. An editor that reads nothing
for long counts as lost. A short message for a pipe with enough room is written directly, because waking a
thread takes longer.

Header names are case-insensitive and may have any order, as in HTTP. A body above the size limit is read and
discarded, so that the next message is found. A length above that of any file ends the stream, because no
further message would arrive.
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

MAX_BODY = 16 * 1024 * 1024  # bytes; decoding a body must not block the event loop for 100 ms
MAX_SKIPPED_BODY = 1024 * 1024 * 1024  # bytes
READ_SIZE = 16_384  # bytes; the loop serves answers and the engine between two reads, even in a flood
MAX_HEADER = 8192  # bytes
MAX_DIGITS = 20  # of a length; Python itself refuses to read thousands of them
MAX_QUEUED_UPDATES = 200  # queued messages from which display updates replace each other
MAX_QUEUED_BYTES = 64 * 1024 * 1024  # above that, the editor counts as lost
DIRECT_WRITE_BYTES = getattr(select, "PIPE_BUF", 512)  # a writable pipe accepts them without blocking
DISPLAY_UPDATES = (b'"$/progress"', b'"spark/status"', b'"spark/inlineCompletion"', b'"spark/editPreview"')


class FramingError(Exception):
    """The stream cannot be split into messages any more."""


class BodySplitter:
    """Splits a stream, which arrives in any pieces, into bodies; `on_refused` is called for a large body."""

    def __init__(self, on_body: Callable[[bytes], None], on_refused: Callable[[], None]) -> None:
        self._on_body = on_body
        self._on_refused = on_refused
        self._buffer = bytearray()
        self._length: int | None = None  # of the body that is being read
        self._skip = 0  # bytes of a refused body that are still to come

    def feed(self, piece: bytes) -> None:
        """Process some bytes. Raises `FramingError` for an invalid header."""
        self._buffer += piece
        while self._step():
            pass

    def end(self) -> None:
        """Process the end of the stream. Raises `FramingError` inside a message."""
        if self._length is not None or self._skip:
            raise FramingError("the stream ended inside a message")

    def _step(self) -> bool:
        """Process one header or body; return False if that needs more bytes."""
        if self._skip:
            return self._skip_body()
        if self._length is None:
            self._length = self._read_header()
            return self._length is not None
        if self._length > MAX_BODY:
            self._refuse(self._length)
            return True
        return self._read_body(self._length)

    def _read_header(self) -> int | None:
        """Return the length of the next body; None if its header is incomplete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEADER or (end < 0 and len(self._buffer) > MAX_HEADER + 3):  # its end may be incomplete
            raise FramingError("a header is too long")
        if end < 0:
            return None
        header = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return content_length(header)

    def _read_body(self, length: int) -> bool:
        if len(self._buffer) < length:
            return False
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._length = None
        self._on_body(body)
        return True

    def _refuse(self, length: int) -> None:
        if length > MAX_SKIPPED_BODY:
            raise FramingError("a length is too large")
        self._length, self._skip = None, length

    def _skip_body(self) -> bool:
        taken = min(self._skip, len(self._buffer))
        del self._buffer[:taken]
        self._skip -= taken
        if not self._skip:
            self._on_refused()
        return not self._skip


class Reader(threading.Thread):
    """Reads bodies from a descriptor; `on_body(None)` means that the stream has ended.

    `start` reads and calls on a separate thread. `watch` does so on an event loop, if the loop can wait for
    the descriptor.
    """

    def __init__(
        self, descriptor: int, on_body: Callable[[bytes | None], None], on_refused: Callable[[], None]
    ) -> None:
        super().__init__(name="lsp-reader", daemon=True)
        self._descriptor = descriptor
        self._on_body = on_body
        self._bodies = BodySplitter(on_body, on_refused)
        self.error: str = ""

    def run(self) -> None:
        """Read until the end of the stream."""
        while self.read():
            pass

    def watch(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Read on the event loop; return False if that is impossible, as with files and on Windows."""

        def readable() -> None:
            if not self.read():
                loop.remove_reader(self._descriptor)

        try:
            loop.add_reader(self._descriptor, readable)
        except (OSError, NotImplementedError):
            return False
        return True

    def read(self) -> bool:
        """Read once, and pass on the complete bodies; return False at the end."""
        try:
            if piece := os.read(self._descriptor, READ_SIZE):
                self._bodies.feed(piece)
                return True
            self._bodies.end()
        except (FramingError, OSError) as error:
            self.error = str(error)
        self._on_body(None)
        return False


def content_length(header: bytes) -> int:
    """Return the only Content-Length of a header. Raises `FramingError`."""
    found: set[int] = set()
    for line in header.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"content-length":
            if not value.strip().isdigit():
                raise FramingError("a length is not a number")
            if len(value.strip()) > MAX_DIGITS:
                raise FramingError("a length is too large")
            found.add(int(value))
    if len(found) != 1:
        raise FramingError("a message has no length, or two")
    return found.pop()


class QueueLimit:
    """Limits the items queued between two threads, by number and by size; one item always fits."""

    def __init__(self, number: int, size: int) -> None:
        self._max_number, self._max_size = number, size
        self._number = self._size = 0
        self._changed = threading.Condition()

    def acquire(self, size: int) -> None:
        """Wait until an item of this size fits, and count it."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size))
            self._number += 1
            self._size += size

    def _fits(self, size: int) -> bool:
        return not self._number or (self._number < self._max_number and self._size + size <= self._max_size)

    def release(self, size: int) -> None:
        """Remove an item of this size from the count."""
        with self._changed:
            self._number -= 1
            self._size -= size
            self._changed.notify()


class Writer(threading.Thread):
    """Writes messages to a descriptor on a separate thread, with the interface of pygls' writers."""

    def __init__(self, descriptor: int, on_lost: Callable[[], None]) -> None:
        super().__init__(name="lsp-writer", daemon=True)
        self._descriptor = descriptor
        self._on_lost = on_lost
        self._numbers = itertools.count()
        self._waiting: dict[int, bytes] = {}  # by number, in order
        self._replaceable: dict[tuple[str, ...], int] = {}  # the numbers of replaceable messages
        self._size = 0
        self._changed = threading.Condition()
        self._writing = False  # the thread is writing a message
        self._closed = False
        self._poll = _poll_for_pipe(descriptor)
        self.lost = False

    def write(self, data: bytes) -> None:
        """Write a message directly if that cannot block, else queue it; never block."""
        with self._changed:
            if self.lost or self._closed or self._write_directly(data):
                return
            number = next(self._numbers)
            if len(self._waiting) > MAX_QUEUED_UPDATES and (key := replacement_key(data)) is not None:
                self._replace(key, number)
            self._waiting[number] = data
            self._size += len(data)
            too_much = self._size > MAX_QUEUED_BYTES
            self._changed.notify()
        if too_much:
            self._lose()

    def _write_directly(self, data: bytes) -> bool:
        """Write a short message if the pipe has room for it and no other message waits; return success."""
        if self._waiting or self._writing or len(data) > DIRECT_WRITE_BYTES or not self._is_writable():
            return False
        with suppress(OSError):  # the other thread will meet the same error
            return os.write(self._descriptor, data) == len(data)
        return False

    def _is_writable(self) -> bool:
        """Return whether a pipe accepts `DIRECT_WRITE_BYTES` bytes without blocking, by POSIX's rule."""
        return self._poll is not None and self._poll.poll(0) == [(self._descriptor, select.POLLOUT)]

    def _replace(self, key: tuple[str, ...], number: int) -> None:
        """Drop the older queued message with the same key."""
        older = self._waiting.pop(self._replaceable.get(key, -1), b"")
        self._size -= len(older)
        self._replaceable[key] = number

    def close(self) -> None:
        """Write the queued messages, for a second at most, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(1.0)

    def run(self) -> None:
        """Write until `close`, or until the editor is lost."""
        while (data := self._take_next()) is not None:
            try:
                self._write_all(data)
            except OSError:
                self._lose()
                return
            with self._changed:
                self._writing = False

    def _take_next(self) -> bytes | None:
        """Wait for a message and return it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            self._writing = True
            data = self._waiting.pop(next(iter(self._waiting)))
            self._size -= len(data)
            if not self._waiting:
                self._replaceable.clear()
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


def _poll_for_pipe(descriptor: int) -> "select.poll | None":
    """Return a poll object that detects whether a pipe is writable; None for other descriptors."""
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


def replacement_key(data: bytes) -> tuple[str, ...] | None:
    """Return a key that is equal for messages that replace each other; None for all other messages."""
    if not any(name in data for name in DISPLAY_UPDATES):
        return None
    message: Any = json.loads(data[data.index(b"{") :])
    empty: Any = {}
    method, params = str(message.get("method", "")), message.get("params") or empty
    token, value = str(params.get("token", "")), params.get("value") or empty
    ends = params.get("done") or value.get("kind") in ("begin", "end")
    return None if ends or f'"{method}"'.encode() not in DISPLAY_UPDATES else (method, token)
