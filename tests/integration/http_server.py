"""A small HTTP/1.1 server whose answers are given by the test: for servers with demands of their own.

    async def answer(asked: Asked, reply: Reply) -> None: ...
    async with http_server(answer) as server: ...

A handler is cancelled when its client closes the connection, and `server.left` counts that.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Asked:
    """A request. `target` is the path with its query; names of headers are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass
class Reply:
    """The response, to be written once."""

    writer: asyncio.StreamWriter

    async def whole(self, status: int, body: Json | bytes, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        self.writer.write(head.encode() + data)
        await self.writer.drain()

    async def begin(self, kind: str = "text/event-stream") -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
        self.writer.write(head.encode())
        await self.writer.drain()

    async def send(self, *events: Json | bytes) -> None:
        for event in events:
            data = event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n"
            self.writer.write(data)
        await self.writer.drain()

    async def say(self, *texts: str, finish: str = "stop") -> None:
        """Stream an answer of a chat, or of `/completions`, as both are read."""
        await self.begin()
        for text in texts:
            await self.send({"choices": [{"delta": {"content": text}}]})
        await self.send({"choices": [{"delta": {}, "finish_reason": finish}]}, b"data: [DONE]\n\n")


Handler = Callable[[Asked, Reply], Awaitable[None]]


@dataclass
class HttpServer:
    """A server that runs; `asked` are the requests so far."""

    handler: Handler
    port: int = 0
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list[Asked])
    left: int = 0
    under_way: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def posts(self) -> list[Asked]:
        return [each for each in self.asked if each.method == "POST"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._one(reader, writer)
        with suppress(OSError, RuntimeError):
            writer.close()
        self.under_way.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines if each)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        work = asyncio.ensure_future(self.handler(asked, Reply(writer)))
        gone = asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            self.left += not work.done()
        finally:
            for each in (work, gone):
                each.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
        if not work.cancelled() and (error := work.exception()) and not isinstance(error, OSError):
            raise error


@asynccontextmanager
async def http_server(
    handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[HttpServer]:
    """Serve on a loopback port."""
    server = HttpServer(handler, scheme="https" if tls else "http")
    listener = await asyncio.start_server(server.serve, host, 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        while server.under_way:  # the end of a TLS connection may take a cancellation for its own
            for task in list(server.under_way):
                task.cancel()
            await asyncio.sleep(0.001)
