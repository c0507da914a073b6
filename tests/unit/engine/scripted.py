"""A TCP server that plays a script, so that a test decides on every byte that the client gets."""

import asyncio
import base64
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455
TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a server's frame, which is not masked."""
    head = bytes([opcode | (0x80 if fin else 0)])
    size = len(payload)
    if size < 126:
        return head + bytes([size]) + payload
    if size < 1 << 16:
        return head + b"\x7e" + size.to_bytes(2, "big") + payload
    return head + b"\x7f" + size.to_bytes(8, "big") + payload


def acceptance(request: bytes, *headers: str) -> bytes:
    """Return the response that accepts a handshake request."""
    key = next(
        line.partition(b":")[2].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    proof = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {proof}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def unmasked(data: bytes) -> list[tuple[int, bytes]]:
    """Return the opcodes and payloads of a client's frames, those that are complete."""
    frames: list[tuple[int, bytes]] = []
    while len(data) >= 6:
        size, at = data[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(data[2:10], "big"), 10
        mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
        if len(body) < size:
            break
        repeated = (mask * (size // 4 + 1))[:size]
        plain = int.from_bytes(body, "big") ^ int.from_bytes(repeated, "big")
        frames.append((data[0] & 0x0F, plain.to_bytes(size, "big")))
        data = data[at + 4 + size :]
    return frames


@dataclass
class Peer:
    """One connection at the server's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: bytes = b""

    async def accept(self, *headers: str, then: bytes = b"") -> None:
        """Accept the handshake; `then` goes out in the same segment."""
        self.request = await self.reader.readuntil(b"\r\n\r\n")
        self.writer.write(acceptance(self.request, *headers) + then)

    async def received(self, opcode: int) -> bytes:
        """Read the client's frames up to the first of this kind, and return its payload."""
        data = b""
        while True:
            for kind, payload in unmasked(data):
                if kind == opcode:
                    return payload
            more = await self.reader.read(65_536)
            assert more, f"no frame {opcode} came before the end"
            data += more

    def reset(self) -> None:
        """End the connection as a process that crashes does."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@asynccontextmanager
async def scripted(script: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve `script` to each client; the value is the URL. An assertion that fails in it fails the test."""
    failures: list[BaseException] = []
    playing: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        playing.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(Peer(reader, writer))
        except Exception as error:
            failures.append(error)
        finally:
            writer.close()

    listener = socket.socket()
    listener.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024
    )  # a peer that does not read fills soon
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(play, sock=listener)
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/responses"
    finally:
        server.close()
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
    if failures:
        raise failures[0]
