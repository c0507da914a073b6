"""A door before a gateway: it notes what each connection asks for, and can refuse to upgrade."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

REFUSAL = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Front:
    """Forwards to `host`:`port`; `seen` holds "upgrade PATH" or "METHOD PATH" of each first request."""

    host: str
    port: int
    refuse: bool
    seen: list[str] = field(default_factory=list[str])
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, *_ = head.decode("latin-1").split(" ")
            upgrade = b"upgrade: websocket" in head.lower()
            self.seen.append(f"{'upgrade' if upgrade else method} {path}")
            if upgrade and self.refuse:
                writer.write(REFUSAL)
                await writer.drain()
            else:
                await self._forward(head, reader, writer)
        writer.close()

    async def _forward(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(self.host, self.port)
        outer.write(head)
        pumps = [asyncio.ensure_future(_pump(*pair)) for pair in ((reader, outer), (inner, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        outer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def front(http: str, *, refuse: bool = False) -> AsyncIterator[Front]:
    """Open a door before the gateway at `http`, which ends in /v1."""
    host, _, port = http.removeprefix("http://").removesuffix("/v1").partition(":")
    door = Front(host, int(port), refuse)
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    door.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield door
    finally:
        server.close()
