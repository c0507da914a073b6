"""uvicorn's WebSocket protocol on a transport that joins the writes of one event-loop iteration.

uvicorn writes each message separately, and stops reading after each one until the application has taken it. A
short answer has four messages, and a keystroke with its request two: six writes and six pauses, although two
writes would do. Waking the other process is most of a round trip. This transport also pauses reading only if
the application is late by more than one iteration. Unwritten bytes still count at the real transport.

This file is the one place that depends on an undocumented part of uvicorn: the class of its Sans-I/O
WebSocket implementation, and that it uses the transport given to `connection_made`. uvicorn's documented `ws`
option takes the function `make_coalescing_websocket`; nothing of uvicorn is overridden.
"""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

MAX_UNWRITTEN_BYTES = 16_384  # beyond that the real transport must say whether the peer keeps up


class CoalescingTransport:
    """Writes and pauses at the end of the iteration; passes everything else to the real transport."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._unwritten: list[bytes] = []
        self._unwritten_bytes = 0
        self._should_pause = False
        self._is_paused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write together with the other data of this iteration."""
        if not self._unwritten:
            self._loop.call_soon(self._flush)
        self._unwritten.append(data)
        self._unwritten_bytes += len(data)
        if self._unwritten_bytes > MAX_UNWRITTEN_BYTES:
            self._flush()

    def writelines(self, pieces: list[bytes]) -> None:
        """Write several pieces."""
        self.write(b"".join(pieces))

    def _flush(self) -> None:
        pieces = self._unwritten
        if not pieces:
            return
        self._unwritten = []
        self._unwritten_bytes = 0
        self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def write_eof(self) -> None:
        """Write the waiting bytes, then the end of the stream."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Write the waiting bytes, then close."""
        self._flush()
        self._transport.close()

    def pause_reading(self) -> None:
        """Stop reading, unless the application takes the message by the end of the next iteration."""
        if not self._should_pause:
            self._should_pause = True
            self._loop.call_soon(self._loop.call_soon, self._pause)

    def _pause(self) -> None:
        if self._should_pause and not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Continue to read."""
        self._should_pause = False
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()


class CoalescingWebSocket:
    """uvicorn's WebSocket protocol; only its transport is another one."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take the transport of a connection that was HTTP until now."""
        coalescing: Any = CoalescingTransport(transport, asyncio.get_running_loop())
        self._protocol.connection_made(coalescing)


def make_coalescing_websocket(
    config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]
) -> CoalescingWebSocket:
    """Return the protocol for a connection that asks for a WebSocket; uvicorn's `ws` option."""
    return CoalescingWebSocket(
        WebSocketsSansIOProtocol(config=config, server_state=server_state, app_state=app_state)
    )
