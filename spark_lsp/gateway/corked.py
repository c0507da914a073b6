"""uvicorn's WebSocket connection on a transport that joins the writes of one iteration of the event loop.

uvicorn writes each message by itself, and stops reading after each until the application has taken it. A
short answer is four messages, a key with its request two: six writes and six pauses where two writes will do,
and waking the other process is most of a round trip. This transport also stops reading only when the
application is late by more than one iteration. Bytes that wait still count at the real transport.
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MOST = 16_384  # bytes that may wait: beyond that the transport below must say whether it keeps up


class Corked:
    """A transport that writes and pauses at the end of the turn; all else goes to the one below."""

    def __init__(self, below: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._below = below
        self._loop = loop
        self._waiting: list[bytes] = []
        self._size = 0
        self._wanted_pause = self._paused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    def write(self, data: bytes) -> None:
        """Write with what else is written in this turn."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size > MOST:
            self._flush()

    def writelines(self, pieces: list[bytes]) -> None:
        """Write several pieces."""
        self.write(b"".join(pieces))

    def _flush(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting:
            self._below.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def write_eof(self) -> None:
        """Write the waiting bytes, then the end of the stream."""
        self._flush()
        self._below.write_eof()

    def close(self) -> None:
        """Write the waiting bytes, then close."""
        self._flush()
        self._below.close()

    def pause_reading(self) -> None:
        """Stop reading unless the application has taken the message by the end of the next turn."""
        if not self._wanted_pause:
            self._wanted_pause = True
            self._loop.call_soon(self._loop.call_soon, self._pause)

    def _pause(self) -> None:
        if self._wanted_pause and not self._paused and not self._below.is_closing():
            self._paused = True
            self._below.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._wanted_pause = False
        if self._paused:
            self._paused = False
            self._below.resume_reading()


class CorkedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, on a `Corked` transport."""

    def connection_made(self, transport: Any) -> None:
        """Take the transport of a connection that was HTTP until now."""
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]
