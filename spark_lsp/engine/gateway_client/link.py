"""One socket to a gateway: its reader, its writer, and the answers that come over it.

The reader hands each answer to its lane's channel and never waits for one; the writer writes what the
connection has to say. A link that is to be left goes on delivering what was asked on it, and is closed when
nothing is under way any more. A link that is lost tells everybody who waits on it. What fails unexpectedly
for one answer ends that answer; what fails for the link itself ends the link, and another takes its place.

The heartbeat does not wait for room to write, so it finds a peer that has stopped reading. A stall of our own
event loop does not count against the peer.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.channel import Channel
from spark_lsp.engine.gateway_client.connect import Endpoint, mute, open_socket
from spark_lsp.errors import EngineError, RemoteProtocolError
from spark_lsp.request import Event, Request, Task
from spark_lsp.supervise import call_guarded, log_failure
from spark_lsp.wire.client import ClientConnection
from spark_lsp.wire.client_events import Answered, ClientEvent, Failed, Greeted, Leaving
from spark_lsp.wire.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from spark_lsp.engine.gateway_client.socket import Socket

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
        self.over = False  # nothing more can be asked or heard
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
        try:
            async with anyio.create_task_group() as group:
                for work in (self._write, self._beat, self._watch_clock):
                    group.start_soon(work)
                group.start_soon(self._say_goodbye, group)
                await self._read()
        except* (RemoteProtocolError, OSError):
            pass  # the link is gone; what that means is told to each request
        except* Exception as error:
            log_failure(self.run, error)
        finally:
            self.lose()  # who waits is told before we wait for the other side to say goodbye
            await self._socket.close()

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
        heard, pong = self._heard, self._socket.ping()
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

    def lose(self) -> None:
        """End every answer under way, and tell that the link is over. Safe to call twice."""
        if self.over:
            return
        self.over = True
        for event in call_guarded(self.connection.lost) or ():
            call_guarded(self._take, event)
        for channel in self._channels.values():
            channel.fail(_lost())
        self._channels.clear()
        self._news.set()
        self._begun.set()
        self.next_wanted.set()
        call_guarded(self._on_event, self, None)

    async def _read(self) -> None:
        while True:
            for message in await self._socket.receive_messages():
                self._hear(message)

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
                await self._socket.send_text(message)
            self._wake.clear()
            await self._wake.wait()

    def flush(self) -> None:
        """Have written what the connection has to say."""
        if self.connection.pending:
            self._wake.set()

    def _take(self, event: ClientEvent) -> None:
        match event:
            case Answered(lane, answer):
                self._deliver(lane, answer)
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
                call_guarded(self._on_event, self, event)

    def _deliver(self, lane: str, answer: Event) -> None:
        """Put an event into its lane's channel; a channel that cannot take it is failed, alone."""
        channel = self._channels[lane]
        call_guarded(channel.put, answer, on_failure=lambda _: channel.fail(_went_wrong()))

    # Questions.

    def ask(self, request: Request) -> tuple[str, Channel]:
        """Ask; returns the lane and its channel.

        Raises `LocalProtocolError` if all lanes are busy, `EngineError` if the link is over.
        """
        if self.over:
            raise _lost()
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


def _lost() -> EngineError:
    return EngineError(
        "The connection to the gateway was lost",
        "This request was not answered",
        "Ask again; the connection is made again by itself",
        code=Code.CONNECTION_LOST,
    )


def _went_wrong() -> EngineError:
    return EngineError(
        "spark-lsp failed while it read this answer",
        "What came of it is not used",
        "Ask again; please report it if it fails again",
    )
