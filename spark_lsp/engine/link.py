"""One socket to a gateway: its reader, its writer, and the answers that come over it.

The reader hands each answer to its lane's channel and never waits for one; the writer writes what the
connection has to say. A link that is to be left goes on delivering what was asked on it, and is closed when
nothing is under way any more. A link that is lost tells everybody who waits on it.

The heartbeat is ours: the library's waits for room to write before it counts, so it would never find a peer
that has stopped reading, and it takes a stall of our own for one of the other side.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from spark_lsp.engine.channel import Channel
from spark_lsp.engine.connect import Endpoint, close, mute, open_socket
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Request, Task
from spark_lsp.wire.client import ClientConnection
from spark_lsp.wire.client_events import Answered, ClientEvent, Failed, Greeted, Leaving
from spark_lsp.wire.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from spark_lsp.engine.socket import Socket

HEARTBEAT = 4.0  # seconds between pings, until a missing answer counts as a lost link, and for a greeting
LOOKS = 4  # for a ping's answer; a stall of our own uses up one, and what has come is read before the next
GOODBYE = 30.0  # seconds that answers have to come over a link that is to be left
CLOCK = 1.0  # seconds between looks at the clocks
ASLEEP = 10.0  # seconds by which the wall clock has run ahead when the machine was asleep
POOLS = {Task.COMPLETE: "ic", Task.EDIT: "act", Task.CHAT: "act"}


class Link:
    """See the module's text. `on_event` is told what is not about an answer; None means that it is over."""

    def __init__(
        self,
        socket: "Socket",
        earlier: ClientConnection | None,
        on_event: "OnEvent",
    ) -> None:
        self.connection = ClientConnection(spark=socket.subprotocol == SUBPROTOCOL, earlier=earlier)
        self.own = False  # it leads to the user's own gateway, which may be handed keys
        self.next_wanted = anyio.Event()  # it is over, or will be: another one should take its place
        self._socket = socket
        self._on_event = on_event
        self._channels: dict[str, Channel] = {}
        self._welcome = False  # the other side has greeted us
        self._begun = asyncio.Event()  # it has, or the link is over
        self._heard = 0  # messages
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._left = asyncio.Event()
        self._idle = asyncio.Event()

    async def run(self) -> None:
        """Pump until the link is lost, or has been left and nothing is under way."""
        from websockets.exceptions import ConnectionClosed

        try:
            async with anyio.create_task_group() as group:
                for work in (self._write, self._beat, self._watch_clock):
                    group.start_soon(work)
                group.start_soon(self._say_goodbye, group)
                await self._read(group)
        except* (ConnectionClosed, RemoteProtocolError, OSError):
            pass  # the link is gone; what that means is told to each request
        finally:
            self._lose()  # who waits is told before we wait for the other side to say goodbye
            await close(self._socket)

    async def greeted(self) -> None:
        """Wait for the greeting. Raises `GatewayError` if none comes; then the link is over."""
        with anyio.move_on_after(HEARTBEAT):
            await self._begun.wait()
        if not self._welcome:
            self.leave()
            raise mute()

    def leave(self) -> None:
        """Close when what is under way has been answered."""
        self._left.set()
        self._note_idle()

    async def _say_goodbye(self, group: TaskGroup) -> None:
        await self._left.wait()
        with anyio.move_on_after(GOODBYE):
            await self._idle.wait()
        group.cancel_scope.cancel()

    def _note_idle(self) -> None:
        if self._left.is_set() and not self._channels:
            self._idle.set()

    async def _beat(self) -> None:
        """End the link when the other side says nothing any more, though it is asked to."""
        while True:
            await anyio.sleep(HEARTBEAT)
            if not await self._lives():
                raise ConnectionError("the other side does not answer")

    async def _lives(self) -> bool:
        """Ask for a sign of life; what else comes is one too, and may be in the answer's way."""
        heard, pong = self._heard, self._socket.probe()
        for _ in range(LOOKS):
            await anyio.sleep(HEARTBEAT / LOOKS)
            if pong.done() or self._heard != heard:
                return True
        return False

    async def _watch_clock(self) -> None:
        """End the link when the machine has slept: nobody knows what became of the other side."""
        ahead = time.time() - time.monotonic()
        while time.time() - time.monotonic() - ahead < ASLEEP:
            ahead = min(ahead, time.time() - time.monotonic())
            await anyio.sleep(CLOCK)
        raise ConnectionError("the machine was asleep")

    def _lose(self) -> None:
        for event in self.connection.lost():
            self._take(event)
        self._channels.clear()
        self._news.set()
        self._begun.set()
        self.next_wanted.set()
        self._on_event(self, None)

    async def _read(self, group: TaskGroup) -> None:
        while messages := await self._socket.hear():
            for message in messages:
                self._hear(message)
        async for message in self._socket:
            self._hear(message)
        group.cancel_scope.cancel()

    def _hear(self, message: str | bytes) -> None:
        self._heard += 1
        for event in self.connection.receive(message):
            self._take(event)
        self._news.set()
        self.flush()

    async def news(self) -> None:
        """Wait until something has come, or the link is lost."""
        self._news.clear()
        await self._news.wait()

    async def _write(self) -> None:
        while True:
            while (message := self.connection.pop()) is not None:
                await self._socket.say(message)
            self._wake.clear()
            await self._wake.wait()

    def flush(self) -> None:
        """Have written what the connection has to say."""
        if self.connection.pending:
            self._wake.set()

    def _take(self, event: ClientEvent) -> None:
        match event:
            case Answered(lane, answer):
                self._channels[lane].put(answer)
            case Failed(lane, error):
                self._channels[lane].fail(error)
            case Leaving():
                self.next_wanted.set()
            case Greeted():
                if not (self._welcome or self._left.is_set()):
                    self._welcome = True
                    self._begun.set()
                    self._on_event(self, event)
            case _:
                self._on_event(self, event)

    # Questions.

    def ask(self, request: Request) -> tuple[str, Channel]:
        """Ask; returns the lane and its channel. Raises `LocalProtocolError` if all lanes are busy."""
        lane = self.connection.create(request, POOLS[request.task])
        channel = self._channels[lane] = Channel(request.task, lambda: self._read_of(lane))
        self.flush()
        return lane, channel

    def _read_of(self, lane: str) -> None:
        self.connection.read(lane)
        self.flush()

    def done(self, lane: str, channel: Channel) -> None:
        """Stop listening to a lane; harmless after its end, when the lane may be somebody else's."""
        if self._channels.get(lane) is channel:
            del self._channels[lane]
            self.connection.cancel(lane)
            self.flush()
            self._note_idle()


OnEvent = Callable[[Link, ClientEvent | None], None]


async def connect(endpoint: Endpoint, earlier: ClientConnection | None, on_event: OnEvent) -> Link:
    """Return a link to the gateway at `endpoint`. Raises `GatewayError` or `OSError`."""
    return Link(await open_socket(endpoint, HEARTBEAT), earlier, on_event)
