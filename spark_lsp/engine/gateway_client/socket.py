"""The client's WebSocket connection: websockets' Sans-I/O protocol on an asyncio transport.

`websockets.client.ClientProtocol` is documented for this use. It parses and serializes frames and tracks the
state of the connection; this module moves the bytes, and adds what one reader and one writer need:

- Messages that arrive together are returned together, so one task switch serves all of them.
- Frames that are sent in one iteration of the event loop go to the kernel in one write.
- The kernel's send buffer is small. A large upload waits here, where a short message can be queued ahead of
  the rest of it.
- A ping does not wait for room in the send buffer, so it finds a peer that has stopped reading.

Any failure, a bug in the protocol included, ends the connection and is raised as `SocketClosed`. It is an
`OSError`, so callers need no exceptions of the library.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from socket import SO_SNDBUF, SOL_SOCKET
from typing import cast

import anyio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, InvalidStatus
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

MAX_MESSAGE = 16 * 1024 * 1024  # bytes of an incoming message; a larger one closes the connection with 1009
MAX_UNREAD = MAX_MESSAGE  # bytes of messages that nobody has received yet; beyond it we stop reading
SEND_BUFFER = 16 * 1024  # bytes in the kernel, and again in the transport, before `send_text` has to wait
CLOSE_TIMEOUT = 1.0  # seconds from the first close frame to the end of the TCP connection
SILENT = logging.Logger("websocket", logging.CRITICAL + 1)  # websockets logs whole frames: the user's code


class SocketClosed(ConnectionError):
    """The connection has ended. `code` is the peer's close code, 1006 if it sent none."""

    def __init__(self, code: int = CloseCode.ABNORMAL_CLOSURE, reason: str = "") -> None:
        super().__init__(f"the WebSocket connection is closed (code {int(code)})")
        self.code = int(code)
        self.reason = reason


class HandshakeFailed(ConnectionError):
    """The peer did not accept the WebSocket handshake.

    `status` is its HTTP status, None if none came; `headers` have lower-case names.
    """

    def __init__(self, status: int | None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"the WebSocket handshake failed (status {status})")
        self.status = status
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}


class Socket(asyncio.Protocol):
    """A WebSocket connection for one reader (`receive_messages`) and one writer (`send_text`)."""

    def __init__(self, protocol: ClientProtocol) -> None:
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._messages: list[str | bytes] = []
        self._unread = 0  # bytes in `_messages`
        self._news = asyncio.Event()  # something to receive, the answer to the handshake, or the end
        self._fragments: tuple[Opcode, bytearray] | None = None  # an incomplete message
        self._pings: dict[bytes, asyncio.Future[bool]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._unwritten = 0  # bytes of frames that wait for the end of this iteration
        self._flush_handle: asyncio.Handle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._lost = asyncio.Event()
        self._failure: Exception | None = None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the peer selected, None if it selected none."""
        return self._protocol.subprotocol

    # Opening and closing.

    async def shake_hands(self, headers: Mapping[str, str]) -> None:
        """Send the handshake with these headers and wait for the answer.

        Raises `HandshakeFailed` for an answer that does not accept, `OSError` if the connection is lost.
        """
        request = self._protocol.connect()
        for name, value in headers.items():
            with suppress(KeyError):
                del request.headers[name]  # `Authorization`, when the URL holds a password
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush_output()
        while self._is_connecting():
            await self._wait_for_news()
        self._raise_handshake_error()

    def _raise_handshake_error(self) -> None:
        if isinstance(self._failure, OSError):
            raise self._failure
        error = self._failure or self._protocol.handshake_exc
        if error is not None:
            if isinstance(error, InvalidStatus):
                raise HandshakeFailed(error.response.status_code, _headers_of(error)) from error
            raise HandshakeFailed(None) from error

    def _is_connecting(self) -> bool:
        connecting = self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None
        return connecting and not self._lost.is_set()

    async def close(self) -> None:
        """Perform the closing handshake, for `CLOSE_TIMEOUT` at most, even if the caller is cancelled."""
        if self._protocol.state is State.OPEN:
            with suppress(Exception):  # then the connection ends without a close frame
                self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush_output()
        try:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT):
                await self._lost.wait()
        finally:
            self.abort()

    def abort(self) -> None:
        """End the connection at once and drop all unwritten bytes."""
        self._transport.abort()

    def _fail_connection(self, error: Exception) -> None:
        """End the connection because of an error that the protocol does not know how to report."""
        self._failure = self._failure or error
        self.abort()

    def _limit_closing(self) -> None:
        """Abort the connection unless the peer ends it in time."""
        if self._close_timer is None and not self._lost.is_set():
            self._close_timer = self._loop.call_later(CLOSE_TIMEOUT, self.abort)

    def _make_closed_error(self) -> SocketClosed:
        code = self._protocol.close_code
        reason = self._protocol.close_reason
        error = SocketClosed(CloseCode.ABNORMAL_CLOSURE if code is None else code, reason or "")
        error.__cause__ = self._failure or (self._protocol.close_exc if code is not None else None)
        return error

    # Receiving.

    async def receive_messages(self) -> list[str | bytes]:
        """Return all messages that have come, at least one. Raises `SocketClosed` after the last."""
        while not self._messages:
            if self._lost.is_set():
                raise self._make_closed_error()
            await self._wait_for_news()
        messages = self._messages
        self._messages = []
        if self._unread > MAX_UNREAD and not self._lost.is_set():
            self._transport.resume_reading()
        self._unread = 0
        return messages

    async def _wait_for_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    def data_received(self, data: bytes) -> None:
        """Parse the data, keep its messages, and write the protocol's own answers (pongs, close frames)."""
        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self._take_frame(event)
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "invalid UTF-8")
        except Exception as error:
            self._fail_connection(error)
        self._news.set()
        self._flush_output()

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT and frame.fin:
            self._keep_message(str(frame.data, "utf-8"), len(frame.data))
        elif frame.opcode is Opcode.PONG:
            self._acknowledge_pings(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._take_fragment(frame)

    def _take_fragment(self, frame: Frame) -> None:
        opcode, whole = self._fragments or (frame.opcode, bytearray())
        whole += frame.data
        self._fragments = None if frame.fin else (opcode, whole)
        if frame.fin:
            self._keep_message(whole.decode() if opcode is Opcode.TEXT else bytes(whole), len(whole))

    def _keep_message(self, message: str | bytes, size: int) -> None:
        self._messages.append(message)
        was_reading = self._unread <= MAX_UNREAD
        self._unread += size
        if was_reading and self._unread > MAX_UNREAD and not self._transport.is_closing():
            self._transport.pause_reading()

    # Sending.

    async def send_text(self, message: str) -> None:
        """Send a text message; wait first while the peer does not keep up. Raises `SocketClosed`."""
        await self._writable.wait()
        if self._protocol.state is not State.OPEN:
            await self._lost.wait()  # the reader gets the messages before the end first
            raise self._make_closed_error()
        try:
            data = message.encode()
            self._protocol.send_text(data)
        except Exception as error:
            self._fail_connection(error)
            raise self._make_closed_error() from error
        self._flush_soon(len(data))

    def ping(self) -> asyncio.Future[bool]:
        """Send a ping, whatever else waits to be written.

        The future's result is True when the peer has answered, False when the connection has ended.
        """
        answered: asyncio.Future[bool] = self._loop.create_future()
        data = os.urandom(8)
        try:
            self._protocol.send_ping(data)
        except Exception as error:
            if not isinstance(error, InvalidState):  # which only says that the connection has ended
                self._fail_connection(error)
            answered.set_result(False)
        else:
            self._pings[data] = answered
            self._flush_soon(len(data))
        return answered

    def _acknowledge_pings(self, data: bytes) -> None:
        """Resolve the ping that this pong answers, and all earlier ones: a peer need not answer each."""
        if data not in self._pings:
            return
        for earlier in list(self._pings):
            _resolve_future(self._pings.pop(earlier), value=True)
            if earlier == data:
                return

    def _flush_soon(self, size: int) -> None:
        """Write at the end of this iteration of the event loop, or now if much is waiting."""
        self._unwritten += size
        if self._unwritten > SEND_BUFFER:
            self._flush_output()
        elif self._flush_handle is None:
            self._flush_handle = self._loop.call_soon(self._flush_output)

    def _flush_output(self) -> None:
        """Write the protocol's frames, and start the clock once the connection is expected to end."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
        self._flush_handle = None
        self._unwritten = 0
        try:
            self._write_data(self._protocol.data_to_send())
            if self._protocol.close_expected():
                self._limit_closing()
        except Exception as error:
            self._fail_connection(error)

    def _write_data(self, pieces: list[bytes]) -> None:
        if pieces and not self._transport.is_closing():
            self._transport.write(b"".join(pieces))
            if b"" in pieces:  # the protocol's sign for the end of the stream
                self._transport.close()
                self._limit_closing()

    # What the transport reports.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport and keep its buffers small."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(SEND_BUFFER)
        socket = transport.get_extra_info("socket")
        with suppress(OSError):
            socket.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)

    def pause_writing(self) -> None:
        """Have `send_text` wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `send_text` continue."""
        self._writable.set()

    def eof_received(self) -> None:
        """The peer has ended its side; the transport now closes the connection."""
        try:
            self._protocol.receive_eof()
        except Exception as error:
            self._fail_connection(error)
        self._limit_closing()
        self._flush_output()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all waiting calls: the connection is gone."""
        self._failure = self._failure or exc
        with suppress(Exception):
            self._protocol.receive_eof()  # sets the protocol's state to CLOSED; harmless when repeated
        for timer in (self._close_timer, self._flush_handle):
            if timer is not None:
                timer.cancel()
        for answered in self._pings.values():
            _resolve_future(answered, value=False)
        self._pings.clear()
        self._lost.set()
        self._news.set()
        self._writable.set()


def _headers_of(error: InvalidStatus) -> dict[str, str]:
    """Return the headers of an answer; of one that comes twice, the last."""
    return dict(error.response.headers.raw_items())


def _resolve_future(answered: asyncio.Future[bool], *, value: bool) -> None:
    if not answered.done():  # it may have been cancelled
        answered.set_result(value)
