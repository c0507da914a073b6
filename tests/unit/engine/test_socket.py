"""The client's WebSocket connection on real sockets: messages, pings, flow control, and every way to end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol

from spark_lsp.engine.gateway_client import socket as socket_module
from spark_lsp.engine.gateway_client.dial import open_websocket
from spark_lsp.engine.gateway_client.socket import MAX_MESSAGE, Socket, SocketClosed
from tests.unit.engine.scripted import BINARY, CLOSE, CONT, PING, PONG, TEXT, Peer, frame, scripted

pytestmark = pytest.mark.anyio

DEADLINE = 10.0
Talk = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture(
    params=[("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The server runs asyncio's loop, the benchmark's askers uvloop's."""
    return request.param


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Socket]:
    socket = await open_websocket(url, "spark.v1", {}, DEADLINE)
    try:
        yield socket
    finally:
        socket.abort()
        await until_lost(socket)


async def until_lost(socket: Socket) -> None:
    with anyio.fail_after(DEADLINE):
        while True:
            try:
                await socket.receive_messages()
            except SocketClosed:
                return


@asynccontextmanager
async def joined(script: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[Socket]:
    """Connect to a scripted peer that has accepted the handshake."""

    async def play(peer: Peer) -> None:
        await peer.accept()
        await script(peer)

    async with scripted(play) as url, opened(url) as socket:
        yield socket


@asynccontextmanager
async def served(talk: Talk) -> AsyncIterator[Socket]:
    """Connect to websockets' own server."""
    async with serve(talk, "127.0.0.1", 0, max_size=None, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with opened(f"ws://127.0.0.1:{port}/") as socket:
            yield socket


async def receive(socket: Socket, count: int) -> list[str | bytes]:
    messages: list[str | bytes] = []
    with anyio.fail_after(DEADLINE):
        while len(messages) < count:
            messages += await socket.receive_messages()
    return messages


async def receive_all(socket: Socket) -> tuple[list[str | bytes], SocketClosed]:
    """Return all messages to the end, and the end."""
    messages: list[str | bytes] = []
    with anyio.fail_after(DEADLINE):
        while True:
            try:
                messages += await socket.receive_messages()
            except SocketClosed as closed:
                return messages, closed


# Messages.


@pytest.mark.parametrize("text", ["x", "", "é𝕏\x00\n", "a" * 125, "b" * 126, "c" * 65_535, "d" * 65_536])
async def test_a_text_of_any_size_arrives_unchanged_both_ways(text: str) -> None:
    async def echo(peer: ServerConnection) -> None:
        async for message in peer:
            await peer.send(message)

    async with served(echo) as socket:
        await socket.send_text(text)
        assert await receive(socket, 1) == [text]


async def test_messages_that_arrive_together_are_returned_together_and_in_order() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(b"".join(frame(TEXT, b"%d" % number) for number in range(100)))
        await peer.received(CLOSE)

    async with joined(script) as socket:
        await socket.send_text("wait")
        messages = await receive(socket, 100)
        assert messages == [str(number) for number in range(100)]
        await socket.close()


async def test_messages_in_the_segment_of_the_handshake_are_not_lost() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(
            "Sec-WebSocket-Protocol: spark.v1", then=frame(TEXT, b"hello") + frame(BINARY, b"\xff")
        )
        await peer.received(CLOSE)

    async with scripted(script) as url, opened(url) as socket:
        assert socket.subprotocol == "spark.v1"
        assert await receive(socket, 2) == ["hello", b"\xff"]
        await socket.close()


async def test_fragments_are_joined_around_pings_even_within_a_letter() -> None:
    letter = "é".encode()

    async def script(peer: Peer) -> None:
        parts = [
            frame(TEXT, b"a" + letter[:1], fin=False),
            frame(PING, b"now"),
            frame(CONT, letter[1:], fin=False),
        ]
        peer.writer.write(
            b"".join([*parts, frame(CONT, b""), frame(BINARY, b"\x00", fin=False), frame(CONT, b"\xff")])
        )
        assert await peer.received(PONG) == b"now"
        await peer.received(CLOSE)

    async with joined(script) as socket:
        assert await receive(socket, 2) == ["aé", b"\x00\xff"]
        await socket.close()


async def test_the_writes_of_one_turn_arrive_in_one_piece() -> None:
    pieces: list[bytes] = []

    async def script(peer: Peer) -> None:
        pieces.append(await peer.reader.read(65_536))

    async with joined(script) as socket:
        for number in range(5):
            await socket.send_text(f"message {number}")
        await until_lost(socket)
    assert len(pieces[0]) == 5 * (2 + 4 + len("message 0"))


async def test_a_reader_that_is_late_stops_the_peer_and_still_gets_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket_module, "MAX_UNREAD", 10_000)
    sent, part = 0, b"x" * 1000

    async def script(peer: Peer) -> None:
        nonlocal sent
        for number in range(20_000):
            peer.writer.write(frame(TEXT, b"%d " % number + part))
            await peer.writer.drain()
            sent = number + 1
        peer.writer.write(frame(CLOSE, b"\x03\xe8"))
        await peer.received(CLOSE)

    async with joined(script) as socket:
        await standstill(lambda: sent)
        assert 0 < sent < 20_000
        messages, closed = await receive_all(socket)
        assert [message.split()[0] for message in messages] == [str(number) for number in range(20_000)]  # type: ignore[union-attr]
        assert closed.code == 1000


async def standstill(value: Callable[[], int]) -> None:
    """Return when a value that grew has stopped growing."""
    with anyio.fail_after(DEADLINE):
        before = -1
        while value() != before or not value():
            before = value()
            await anyio.sleep(0.2)


# Pings.


async def test_pings_are_answered_both_ways() -> None:
    async def ping(peer: ServerConnection) -> None:
        await (await peer.ping(b"from the server"))
        await peer.send("answered")
        await peer.wait_closed()

    async with served(ping) as socket:
        assert await receive(socket, 1) == ["answered"]
        with anyio.fail_after(DEADLINE):
            assert await socket.ping() is True
        await socket.close()


async def test_a_pong_answers_all_earlier_pings_and_a_foreign_one_answers_none() -> None:
    async def script(peer: Peer) -> None:
        first = await peer.received(PING)
        peer.writer.write(frame(PONG, b"nobody asked") + frame(TEXT, b"1"))
        await peer.received(TEXT)
        peer.writer.write(frame(PONG, first))
        await peer.received(CLOSE)

    async with joined(script) as socket:
        first = socket.ping()
        await receive(socket, 1)
        assert not first.done()
        await socket.send_text("go on")
        with anyio.fail_after(DEADLINE):
            assert await first is True
        second, third = socket.ping(), socket.ping()
        second.cancel()
        await socket.close()
        assert third.result() is False


async def test_a_ping_after_the_end_is_told_that_there_is_no_answer() -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    async with joined(script) as socket:
        waiting = socket.ping()
        await until_lost(socket)
        assert waiting.result() is False
        assert socket.ping().result() is False


# A peer that does not read.


async def test_a_peer_that_does_not_read_makes_the_writer_wait_but_no_ping() -> None:
    reads = asyncio.Event()
    received = bytearray()

    async def script(peer: Peer) -> None:
        await reads.wait()
        while data := await peer.reader.read(65_536):
            received.extend(data)

    messages = [f"{number} " + "x" * 10_000 for number in range(600)]
    sent = 0
    async with joined(script) as socket:

        async def write() -> None:
            nonlocal sent
            for message in messages:
                await socket.send_text(message)
                sent += 1

        async with anyio.create_task_group() as group:
            group.start_soon(write)
            await standstill(lambda: sent)
            assert 0 < sent < len(messages)
            pinged = socket.ping()
            await anyio.lowlevel.checkpoint()
            assert not pinged.done()
            reads.set()
        await socket.close()
    frames = unmasked_frames(bytes(received))
    assert [body for kind, body in frames if kind == TEXT] == messages
    assert len([kind for kind, _ in frames if kind == PING]) == 1


def unmasked_frames(data: bytes) -> list[tuple[int, str]]:
    """Parse a client's frames with websockets' own server side."""
    from websockets.frames import Frame
    from websockets.protocol import State
    from websockets.server import ServerProtocol

    server = ServerProtocol(state=State.OPEN, max_size=None)
    server.receive_data(data)
    frames = [event for event in server.events_received() if isinstance(event, Frame)]
    return [(int(each.opcode), bytes(each.data).decode(errors="replace")) for each in frames]


async def test_a_writer_that_waits_is_told_of_the_end() -> None:
    lost = asyncio.Event()

    async def script(peer: Peer) -> None:
        await lost.wait()
        peer.reset()

    async with joined(script) as socket, anyio.create_task_group() as group:
        waiting = anyio.Event()
        group.start_soon(fill, socket, waiting)
        await waiting.wait()
        lost.set()


# Ends.


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 4000])
async def test_the_peers_close_code_comes_after_its_last_message(code: int) -> None:
    async def leave(peer: ServerConnection) -> None:
        await peer.send("last")
        await peer.close(code, "because")

    async with served(leave) as socket:
        messages, closed = await receive_all(socket)
        assert messages == ["last"]
        assert (closed.code, closed.reason) == (code, "because")
        with pytest.raises(SocketClosed):
            await socket.send_text("too late")
        await socket.close()


@pytest.mark.parametrize("how", ["end", "reset", "end within a frame", "end within a message"])
async def test_a_peer_that_vanishes_ends_the_connection_after_its_messages(how: str) -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(frame(TEXT, b"last"))
        await peer.received(TEXT)  # the client has read it, which a reset would prevent
        if how == "end within a frame":
            peer.writer.write(frame(TEXT, b"never whole")[:5])
        elif how == "end within a message":
            peer.writer.write(frame(TEXT, b"never whole", fin=False))
        if how == "reset":
            peer.reset()

    async with joined(script) as socket:
        assert await receive(socket, 1) == ["last"]
        await socket.send_text("got it")
        messages, closed = await receive_all(socket)
        assert messages == []
        assert closed.code == 1006


async def test_a_peer_that_only_stops_sending_is_left_within_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half open: the peer has ended its side and does not read ours, so our close could wait for ever."""
    monkeypatch.setattr(socket_module, "CLOSE_TIMEOUT", 0.2)
    end = asyncio.Event()

    async def script(peer: Peer) -> None:
        await end.wait()
        peer.writer.write_eof()
        await asyncio.sleep(DEADLINE)

    async with joined(script) as socket, anyio.create_task_group() as group:
        waiting = anyio.Event()
        group.start_soon(fill, socket, waiting)
        await waiting.wait()
        end.set()
        _, closed = await receive_all(socket)
        assert closed.code == 1006


async def fill(socket: Socket, waiting: anyio.Event) -> None:
    """Write until the end; set `waiting` when the peer does not keep up."""
    with pytest.raises(SocketClosed):
        await _fill(socket, waiting)


async def _fill(socket: Socket, waiting: anyio.Event) -> None:
    while True:
        with anyio.move_on_after(0.2) as scope:
            await socket.send_text("x" * 10_000)
        if scope.cancelled_caught:
            waiting.set()
            await socket.send_text("x" * 10_000)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xe2\x82", fin=False) + frame(CONT, b"x"), 1007),
        (frame(TEXT, "\ud800".encode("utf-8", "surrogatepass")), 1007),
        (b"\xc1\x00", 1002),  # a reserved bit
        (b"\x83\x00", 1002),  # an unknown opcode
        (b"\x81\x81\x00\x00\x00\x00x", 1002),  # masked, which a server must not do
        (frame(CONT, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big"), 1009),
        (frame(TEXT, b"x" * 1000, fin=False) + b"\x80\x7f" + MAX_MESSAGE.to_bytes(8, "big"), 1009),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else str(value),
)
async def test_what_breaks_the_protocol_is_answered_with_its_code_and_what_came_before_is_kept(
    sent: bytes, code: int
) -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(frame(TEXT, b"before") + sent + frame(TEXT, b"after"))
        assert int.from_bytes((await peer.received(CLOSE))[:2], "big") == code

    async with joined(script) as socket:
        messages, closed = await receive_all(socket)
        assert messages == ["before"]
        assert closed.code == 1006


async def test_a_message_of_exactly_the_limit_is_taken() -> None:
    codes: list[int | None] = []

    async def send(peer: ServerConnection) -> None:
        await peer.send("x" * MAX_MESSAGE)
        await peer.send("y" * (MAX_MESSAGE + 1))
        await peer.wait_closed()
        codes.append(peer.close_code)

    async with served(send) as socket:
        messages, _ = await receive_all(socket)
        assert messages == ["x" * MAX_MESSAGE]
    assert codes == [1009]


async def test_closing_says_goodbye_and_waits_for_the_peers() -> None:
    seen: list[int | None] = []

    async def wait(peer: ServerConnection) -> None:
        await peer.wait_closed()
        seen.append(peer.close_code)

    async with served(wait) as socket:
        await socket.close()
        await socket.close()
        with pytest.raises(SocketClosed) as caught:
            await socket.receive_messages()
        assert caught.value.code == 1000
        with pytest.raises(SocketClosed):
            await socket.send_text("too late")
    assert seen == [1000]


@pytest.mark.parametrize("who", ["we", "the peer"])
async def test_a_close_that_is_not_completed_ends_after_its_limit(
    who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "CLOSE_TIMEOUT", 0.1)

    async def script(peer: Peer) -> None:
        if who == "the peer":
            peer.writer.write(frame(CLOSE, b"\x03\xe8"))
        await peer.received(CLOSE)
        await asyncio.sleep(DEADLINE)  # never answers, never ends the connection

    async with joined(script) as socket:
        with anyio.fail_after(DEADLINE / 2):
            if who == "we":
                await socket.close()
            await until_lost(socket)


# Cancelling.


async def test_a_cancelled_receive_loses_no_message() -> None:
    async def script(peer: Peer) -> None:
        await peer.received(TEXT)
        peer.writer.write(frame(TEXT, b"kept"))
        await peer.received(CLOSE)

    async with joined(script) as socket:
        with anyio.move_on_after(0.02) as scope:
            await socket.receive_messages()
        assert scope.cancelled_caught
        await socket.send_text("now")
        assert await receive(socket, 1) == ["kept"]
        await socket.close()


async def test_a_cancelled_send_leaves_no_half_message() -> None:
    reads = asyncio.Event()
    received = bytearray()

    async def script(peer: Peer) -> None:
        await reads.wait()
        while data := await peer.reader.read(65_536):
            received.extend(data)

    sent = 0
    async with joined(script) as socket:
        with anyio.move_on_after(0.3) as scope:
            while True:
                await socket.send_text(f"{sent} " + "x" * 10_000)
                sent += 1
        assert scope.cancelled_caught
        reads.set()
        with anyio.fail_after(DEADLINE):
            await socket.send_text("after")
        await socket.close()
    texts = [body for kind, body in unmasked_frames(bytes(received)) if kind == TEXT]
    assert [text.split()[0] for text in texts] == [*(str(number) for number in range(sent)), "after"]


async def test_a_cancelled_close_still_says_goodbye_and_frees_the_socket() -> None:
    goodbyes: list[bytes] = []

    async def script(peer: Peer) -> None:
        goodbyes.append(await peer.received(CLOSE))
        peer.writer.write(frame(CLOSE, goodbyes[0]))

    async with joined(script) as socket:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await socket.close()
        await until_lost(socket)
    assert goodbyes == [b"\x03\xe8"]


# Faults of the library.


@pytest.mark.parametrize(
    "method",
    [
        "receive_data",
        "receive_eof",
        "events_received",
        "data_to_send",
        "close_expected",
        "send_text",
        "send_ping",
        "send_close",
    ],
)
async def test_whatever_the_library_raises_is_a_closed_connection(
    method: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    async def script(peer: Peer) -> None:
        await peer.received(TEXT)
        peer.writer.write(frame(TEXT, b"hello"))
        await peer.reader.read(1)

    async with joined(script) as socket:
        monkeypatch.setattr(ClientProtocol, method, broken)
        with pytest.raises(SocketClosed), anyio.fail_after(DEADLINE):
            await use(socket)
        monkeypatch.undo()
    assert "Traceback" not in capfd.readouterr().err


async def use(socket: Socket) -> None:
    """Send, receive, close, and go on to the end."""
    socket.ping()
    await socket.send_text("x")
    await socket.receive_messages()
    await socket.close()
    await socket.receive_messages()
