"""One connection to a gateway or another service: its reader, its writer, and the responses over it.

The reader puts each event into the channel of its lane and never waits for a channel; the writer sends the
messages that the wire connection has queued. A retired link still delivers the responses that have begun, and
closes when the last of them has ended. A lost link fails every response that has not ended. An unexpected
failure in one response ends that response; a failure of the link itself ends the link, and another link
replaces it.

The heartbeat does not wait for room in the send buffer, so it finds a peer that has stopped reading. A stall
of our own event loop does not count against the peer.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import anyio
from anyio.abc import TaskGroup

from spark_lsp.answer_events import Event
from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.channel import Channel
from spark_lsp.engine.gateway_client.connect import Endpoint, no_hello, open_socket
from spark_lsp.errors import EngineError, RemoteProtocolError
from spark_lsp.request import Request, Task
from spark_lsp.supervise import call_guarded, log_failure
from spark_lsp.wire.client import ClientConnection
from spark_lsp.wire.client_events import Alive, Answered, ClientEvent, Failed, Greeted, Leaving
from spark_lsp.wire.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from spark_lsp.engine.gateway_client.socket import Socket

HEARTBEAT_S = 4.0  # between pings, for the answer to a ping, and for the gateway's `hello`
# Per ping. A stall of our own loop uses up one check; before the next, the loop reads all that has arrived.
PONG_CHECKS = 4
RETIRE_TIMEOUT_S = 30.0  # for the responses of a retired link to end
CLOCK_INTERVAL_S = 1.0
SLEEP_JUMP_S = 10.0  # the wall clock has advanced by this much more if the machine was asleep
LANE_POOLS = {Task.COMPLETE: "ic", Task.EDIT: "act", Task.CHAT: "act"}


class Connection(Protocol):
    """What a link needs of a wire connection; `ClientConnection` is one."""

    @property
    def pending(self) -> bool:
        """Whether anything waits to be written."""
        ...

    def pop(self) -> str | None:
        """Return the next message to write, or None."""
        ...

    def receive(self, message: str | bytes) -> list[ClientEvent]:
        """Take one message. Raises `RemoteProtocolError` if it does not follow the protocol."""
        ...

    def lose_connection(self) -> list[ClientEvent]:
        """Note that the connection is lost."""
        ...

    def cancel(self, lane: str) -> None:
        """Ignore the rest of a response."""
        ...

    def read(self, lane: str) -> None:
        """Mark all text of a lane as read."""
        ...


C = TypeVar("C", bound=Connection)


class Link(Generic[C]):
    """One connection. `on_event` gets the events of no response, and None at the end of the link.

    `make_loss` makes the error of each unfinished request when the link is lost. A retired link closes
    after `retire_s` seconds at the latest.
    """

    def __init__(
        self,
        socket: "Socket",
        connection: C,
        on_event: "OnEvent[C]",
        *,
        make_loss: "Callable[[], EngineError] | None" = None,
        retire_s: float = RETIRE_TIMEOUT_S,
    ) -> None:
        self.connection = connection
        self._make_loss = make_loss or _connection_lost
        self._retire_s = retire_s
        self.is_own = False  # connected to the user's own gateway, which may get API keys
        self.is_over = False  # no more requests or events
        self.needs_successor = anyio.Event()  # this link has ended, or will end
        self._socket = socket
        self._on_event = on_event
        self._channels: dict[str, Channel] = {}  # by lane
        self._has_hello = False
        self._hello_or_end = asyncio.Event()
        self._messages_received = 0
        self._has_output = asyncio.Event()  # the connection has messages to write
        self._news = asyncio.Event()  # a message has arrived, or the link has ended
        self._is_retired = asyncio.Event()
        self._is_idle = asyncio.Event()  # retired, and all responses have ended

    async def run(self) -> None:
        """Read and write until the link is lost, or is retired and all its responses have ended."""
        try:
            async with anyio.create_task_group() as group:
                for work in (self._write_messages, self._check_heartbeat, self._watch_clock):
                    group.start_soon(work)
                group.start_soon(self._end_when_retired, group)
                await self._read_messages()
        except* (RemoteProtocolError, OSError):
            pass  # the link is lost; `lose` fails each response
        except* Exception as error:
            log_failure(self.run, error)
        finally:
            self.lose()  # before the closing handshake, so that no caller waits for it
            await self._socket.close()

    async def wait_for_hello(self) -> None:
        """Wait for the gateway's `hello`. If none comes, retire the link and raise `GatewayError`."""
        with anyio.move_on_after(HEARTBEAT_S):
            await self._hello_or_end.wait()
        if not self._has_hello:
            self.retire()
            raise no_hello()

    def retire(self) -> None:
        """Close the link when all its responses have ended."""
        self._is_retired.set()
        self._check_idle()

    async def _end_when_retired(self, group: TaskGroup) -> None:
        await self._is_retired.wait()
        with anyio.move_on_after(self._retire_s):
            await self._is_idle.wait()
        group.cancel_scope.cancel()

    def _check_idle(self) -> None:
        if self._is_retired.is_set() and not self._channels:
            self._is_idle.set()

    # Checks of the connection.

    async def _check_heartbeat(self) -> None:
        """End the link when the gateway does not answer a ping."""
        while True:
            await anyio.sleep(HEARTBEAT_S)
            if not await self._is_peer_alive():
                raise ConnectionError("the gateway does not answer")

    async def _is_peer_alive(self) -> bool:
        """Send a ping. Return whether a pong or any message comes: a message may delay the pong."""
        received_before = self._messages_received
        pong = self._socket.ping()
        for _ in range(PONG_CHECKS):
            await anyio.sleep(HEARTBEAT_S / PONG_CHECKS)
            if pong.done() or self._messages_received != received_before:
                return True
        return False

    async def _watch_clock(self) -> None:
        """End the link after the machine was asleep: the gateway may have ended during that time."""
        ahead = time.time() - time.monotonic()
        while time.time() - time.monotonic() - ahead < SLEEP_JUMP_S:
            ahead = min(ahead, time.time() - time.monotonic())
            await anyio.sleep(CLOCK_INTERVAL_S)
        raise ConnectionError("the machine was asleep")

    def lose(self) -> None:
        """Fail every response that has not ended, and report the end of the link. Safe to call twice."""
        if self.is_over:
            return
        self.is_over = True
        for event in call_guarded(self.connection.lose_connection) or ():
            call_guarded(self._handle_event, event)
        error = call_guarded(self._make_loss) or _connection_lost()
        for channel in self._channels.values():
            channel.fail(error)
        self._channels.clear()
        self._news.set()
        self._hello_or_end.set()
        self.needs_successor.set()
        call_guarded(self._on_event, self, None)

    # Reading and writing.

    async def _read_messages(self) -> None:
        while True:
            for message in await self._socket.receive_messages():
                self._handle_message(message)

    def _handle_message(self, message: str | bytes) -> None:
        self._messages_received += 1
        for event in self.connection.receive(message):
            self._handle_event(event)
        self._news.set()
        self.flush()

    async def wait_for_news(self) -> None:
        """Wait until a message arrives or the link is lost."""
        self._news.clear()
        await self._news.wait()

    async def _write_messages(self) -> None:
        while True:
            while (message := self.connection.pop()) is not None:
                await self._socket.send_text(message)
            self._has_output.clear()
            await self._has_output.wait()

    def flush(self) -> None:
        """Wake the writer if the connection has messages to write."""
        if self.connection.pending:
            self._has_output.set()

    def _handle_event(self, event: ClientEvent) -> None:
        match event:
            case Answered(lane, answer):
                self._deliver_event(lane, answer)
            case Failed(lane, error):
                self._channels[lane].fail(error)
            case Alive(lane):
                if (channel := self._channels.get(lane)) is not None:
                    channel.touch()
            case Leaving():
                self.needs_successor.set()
            case Greeted():
                if not (self._has_hello or self._is_retired.is_set()):
                    self._has_hello = True
                    self._hello_or_end.set()
                    self._on_event(self, event)
            case _:
                call_guarded(self._on_event, self, event)

    def _deliver_event(self, lane: str, answer: Event) -> None:
        """Put an event into its lane's channel. If that fails, only this response fails."""
        channel = self._channels[lane]
        call_guarded(channel.put, answer, on_failure=lambda _: channel.fail(_reading_failed()))

    # Requests.

    def begin(
        self, create: Callable[[C], str], make_channel: Callable[[Callable[[], None]], Channel]
    ) -> tuple[str, Channel]:
        """Have `create` send a request; return its lane and the channel of its response.

        `make_channel` gets the function to call when the reader has taken text. Raises `LocalProtocolError`
        if all lanes are busy, `EngineError` if the link has ended.
        """
        if self.is_over:
            raise self._make_loss()
        lane = create(self.connection)
        channel = make_channel(lambda: self._grant_credit(lane))
        self._channels[lane] = channel
        self.flush()
        return lane, channel

    def _grant_credit(self, lane: str) -> None:
        self.connection.read(lane)
        self.flush()

    def end_request(self, lane: str, channel: Channel) -> bool:
        """Cancel a request. Harmless after its end, when another request may use the lane.

        Return False if another request does use the lane, or the link has ended.
        """
        if self._channels.get(lane) is not channel:
            return False
        del self._channels[lane]
        self.connection.cancel(lane)
        self.flush()
        self._check_idle()
        return True


OnEvent = Callable[[Link[C], ClientEvent | None], None]
GatewayLink = Link[ClientConnection]


async def open_link(
    endpoint: Endpoint,
    earlier: ClientConnection | None,
    on_event: OnEvent[ClientConnection],
    session: str = "",
) -> GatewayLink:
    """Return a link to the gateway at `endpoint`. Raises `GatewayError` or `OSError`.

    `session` is a random name, the same for all links of one client.
    """
    socket = await open_socket(endpoint, HEARTBEAT_S, session)
    connection = ClientConnection(spark=socket.subprotocol == SUBPROTOCOL, earlier=earlier)
    return Link(socket, connection, on_event)


def send_request(link: GatewayLink, request: Request) -> tuple[str, Channel]:
    """Send a request. Return its lane and the channel of its response.

    Raises `LocalProtocolError` if all lanes are busy, `EngineError` if the link has ended.
    """
    return link.begin(
        lambda connection: connection.create(request, LANE_POOLS[request.task]),
        lambda on_read: Channel(request.task, on_read),
    )


def _connection_lost() -> EngineError:
    return EngineError(
        "The connection to the gateway was lost",
        "This request has no answer",
        "Try again. spark-lsp reconnects automatically",
        code=Code.CONNECTION_LOST,
    )


def _reading_failed() -> EngineError:
    return EngineError(
        "spark-lsp failed while it read this answer",
        "The answer was discarded",
        "Try again. If this persists, please report it",
    )
