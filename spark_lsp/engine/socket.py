"""The client's WebSocket, without what a single reader and a single writer do not need.

The library hands messages over through a queue and futures of its own, and guards each write for many
writers. Here whole text messages are handed over together, as many as have come, and the writes of one
turn are joined. Whatever is unusual (fragments, other kinds of frames, an end, a peer that does not keep
up) goes the library's way.
"""

import asyncio
import os
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import Event, State

from spark_lsp.engine.corked import Corked

HELD = 16 * 1024  # bytes on their way: some milliseconds of the gateway's time


class Socket(ClientConnection):
    """See the module's text."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._heard: list[str] = []
        self._usual = True
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and have the system hold little: what it holds, control must wait for."""
        socket = transport.get_extra_info("socket")
        if socket is not None:
            socket.setsockopt(SOL_SOCKET, SO_SNDBUF, HELD)
            transport.set_write_buffer_limits(HELD)  # type: ignore[attr-defined]
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        super().connection_lost(exc)
        self._unusual()

    def process_event(self, event: Event) -> None:
        """Keep a usual message for `hear`; leave all else to the library, and all that follows it."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif self._usual and (text := _text(event)) is not None:
            self._heard.append(text)
            self._news.set()
        else:
            self._unusual()
            super().process_event(event)

    def _unusual(self) -> None:
        self._usual = False
        self._news.set()

    async def hear(self) -> list[str]:
        """Return the messages that have come, in order; none when what follows is to be had by `recv`."""
        while self._usual and not self._heard:
            self._news.clear()
            await self._news.wait()
        heard, self._heard = self._heard, []
        return heard

    def probe(self) -> "asyncio.Future[float]":
        """Ask for a sign of life without waiting for room to write; done when it comes, or at the end."""
        answered: asyncio.Future[float] = self.loop.create_future()
        if self.protocol.state is State.OPEN:
            data = os.urandom(8)
            self.pending_pings[data] = (answered, self.loop.time())
            self.protocol.send_ping(data)
            self.send_data()
        return answered

    async def say(self, message: str) -> None:
        """Send a text message."""
        if self.paused or self.protocol.state is not State.OPEN:
            await self.send(message)
        else:
            self.protocol.send_text(message.encode())
            self.send_data()


def _text(frame: Frame) -> str | None:
    """Return the text of a whole message, None for anything else: the library knows what to do with it."""
    if frame.opcode is not Opcode.TEXT or not frame.fin:
        return None
    try:
        return str(frame.data, "utf-8")
    except UnicodeDecodeError:
        return None
