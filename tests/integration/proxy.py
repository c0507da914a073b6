"""A TCP proxy with switches: it forwards, falls silent without closing, stops reading, or resets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """`silent` drops what comes, both ways; `stuck` reads no more; `reset` ends all connections as a crashed
    peer does."""

    host: str
    port: int
    silent: bool = False
    stuck: bool = False
    opened: int = 0
    upward: bytearray = field(default_factory=bytearray)  # what clients have sent
    downward: bytearray = field(default_factory=bytearray)  # and what they were sent
    url: str = ""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        with suppress(OSError):
            inner, outer = await asyncio.open_connection(self.host, self.port)
            self._writers |= {writer, outer}
            pumps = [
                asyncio.ensure_future(self._pump(reader, outer, up=True)),
                asyncio.ensure_future(self._pump(inner, writer, up=False)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers -= {writer, outer}
            outer.close()
        writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                while self.stuck:
                    await asyncio.sleep(0.01)
                if self.silent:
                    continue
                if up:
                    self.upward += data
                else:
                    self.downward += data
                writer.write(data)
                await writer.drain()

    def reset(self) -> None:
        """End every connection with RST."""
        for writer in self._writers:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """Put a proxy before `ws://HOST:PORT/…`; its own URL is `url`."""
    authority, _, path = url.removeprefix("ws://").partition("/")
    host, _, port = authority.partition(":")
    proxy = Proxy(host, int(port))
    server = await asyncio.start_server(proxy.serve, sock=_listener())
    proxy.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/{path}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.reset()


def _listener() -> socket.socket:
    """A listener whose system holds little, so that who is not read from notices soon."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    listener.bind(("127.0.0.1", 0))
    return listener
