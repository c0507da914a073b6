"""However the bytes of a connection are split on their way, the same messages come out."""

import asyncio
import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from spark_lsp.engine.gateway_client.socket import Socket
from tests.unit.engine.scripted import BINARY, CONT, PING, PONG, TEXT, acceptance, frame, unmasked


class Wire(asyncio.Transport):
    """A transport that keeps all output."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self  # as a socket

    def setsockopt(self, *_: object) -> None:
        """There is no kernel."""

    def is_closing(self) -> bool:
        return False


MESSAGES = st.lists(
    st.tuples(
        st.text(max_size=300) | st.binary(max_size=300) | st.just("é" * 40_000),
        st.lists(st.integers(0, 300), max_size=4),  # where it is cut into fragments
        st.booleans(),  # whether a ping comes between the fragments
    ),
    max_size=8,
)


def frames_of(message: str | bytes, cuts: list[int], pinged: bool) -> bytes:
    data = message.encode() if isinstance(message, str) else message
    ends = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]
    opcode, sent, begin = (TEXT if isinstance(message, str) else BINARY), b"", 0
    for number, end in enumerate(ends):
        sent += frame(opcode, data[begin:end], fin=number == len(ends) - 1)
        sent += frame(PING, b"%d" % number) if pinged else b""
        opcode, begin = CONT, end
    return sent


def pings_of(cuts: list[int], pinged: bool) -> list[bytes]:
    return [b"%d" % number for number in range(len(cuts) + 1)] if pinged else []


async def replay(sent: bytes, splits: list[int]) -> tuple[list[str | bytes], list[bytes]]:
    """Give a socket its handshake and then `sent`, split at these places; return messages and pongs."""
    socket, wire = Socket(ClientProtocol(parse_uri("ws://host/"))), Wire()
    socket.connection_made(wire)
    opening = asyncio.ensure_future(socket.shake_hands({}))
    await asyncio.sleep(0)
    sent = acceptance(bytes(wire.written)) + sent
    wire.written.clear()
    edges = sorted({0, len(sent), *(place % (len(sent) + 1) for place in splits)})
    for begin, end in itertools.pairwise(edges):
        socket.data_received(sent[begin:end])
    await opening
    socket.connection_lost(None)
    return await messages_of(socket), [body for kind, body in unmasked(bytes(wire.written)) if kind == PONG]


async def messages_of(socket: Socket) -> list[str | bytes]:
    messages: list[str | bytes] = []
    try:
        while True:
            messages += await socket.receive_messages()
    except ConnectionError:
        return messages


@given(MESSAGES, st.lists(st.integers(0, 1 << 20), max_size=30))
def test_any_split_of_the_stream_gives_the_same_messages(messages: list[Any], splits: list[int]) -> None:
    sent = b"".join(frames_of(*each) for each in messages)
    received, pongs = asyncio.run(replay(sent, splits))
    assert received == [message for message, _, _ in messages]
    assert pongs == [ping for _, cuts, pinged in messages for ping in pings_of(cuts, pinged)]


@given(st.binary(max_size=400), st.lists(st.integers(0, 1 << 20), max_size=30))
def test_any_bytes_split_in_any_way_end_alike(noise: bytes, splits: list[int]) -> None:
    async def both() -> bool:
        return await replay(noise, []) == await replay(noise, splits)

    assert asyncio.run(both())
