"""A company's network in miniature: a certificate authority of its own, and an HTTP proxy on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import trustme

HOST = "gpu.company.test"  # known to the proxy alone


@dataclass
class Company:
    """The authority: `bundle` is its certificate in a file, `tls` the context of a server at `HOST`."""

    bundle: Path
    tls: ssl.SSLContext


def company(folder: Path) -> Company:
    """Make a certificate authority and a server's certificate."""
    authority = trustme.CA(organization_name="Test Company")
    bundle = folder / "company-ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "localhost", "127.0.0.1").configure_cert(context)
    return Company(bundle, context)


@dataclass
class HttpProxy:
    """An HTTP proxy that reaches every host at loopback: `heads` are the requests it was sent."""

    port: int = 0
    status: int = 200
    heads: list[str] = field(default_factory=list[str])
    tasks: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._one(reader, writer)
        with suppress(OSError, RuntimeError):
            writer.close()
            await writer.wait_closed()
        self.tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        method, target, _ = head.split("\r\n")[0].split(" ")
        if self.status != 200:
            writer.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        authority = target if method == "CONNECT" else target.split("/")[2]
        inner, outer = await asyncio.open_connection("127.0.0.1", int(authority.rpartition(":")[2]))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            lines = head.replace(f"http://{authority}", "", 1).split("\r\n")
            kept = [line for line in lines if not line.lower().startswith("proxy-")]
            outer.write("\r\n".join(kept).encode("latin-1"))
        pumps = [asyncio.ensure_future(_pump(reader, outer)), asyncio.ensure_future(_pump(inner, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            outer.close()
            with suppress(OSError):
                await outer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def http_proxy() -> AsyncIterator[HttpProxy]:
    """Serve a proxy on a loopback port."""
    proxy = HttpProxy()
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        while proxy.tasks:  # the end of a tunnel may take a cancellation for its own
            for task in list(proxy.tasks):
                task.cancel()
            await asyncio.sleep(0.001)
