"""The client's WebSocket, without what a single reader and a single writer do not need.

The library hands messages over through a queue and a future each, and guards each write for many writers.
Here a whole text message goes straight to whoever listens, and the writes of one turn are joined. Whatever
is unusual (fragments, other kinds of frames, an end, a peer that does not keep up) goes the library's way.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import Event, State

from spark_lsp.engine.corked import Corked


class Socket(ClientConnection):
    """See the module's text."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._hear: Callable[[str], None] | None = None
        self._early: list[str] = []  # what came before anybody listened
        self._usual = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]

    def listen(self, hear: Callable[[str], None]) -> None:
        """Have each message told as it comes, in order; `hear` must not raise.

        What follows the first unusual message is taken with `recv`.
        """
        self._hear = hear
        for text in self._early:
            hear(text)
        self._early.clear()

    def process_event(self, event: Event) -> None:
        """Hand on what has come."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        text = _text(event) if self._usual else None
        if text is None:
            self._usual = False
            super().process_event(event)
        elif self._hear is None:
            self._early.append(text)
        else:
            self._hear(text)

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
