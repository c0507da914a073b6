"""An HTTP server that plays an OpenAI-compatible one, well and badly: the first word of the path says how.

`good`, `reset` (before anything), `after` (reset after the first token), `401`, `404`, `429`, `500`,
`long` (the context is too small), `html`, `cut` (the last line is half), `broken` (no JSON), `told` (an
error in the stream), `silent`, `slow` (one token and no more), `endless`, `closing` (closes a kept
connection unasked), `ill` (as long as it is said to be), `minute` (one token, then only comments),
`pings` (only comments), `late` (headers after a while, then nothing), `packed` (gzip, though nobody
asked for it), `thinks` (before it speaks), `chats` (knows no `/completions`), `unlisted` (knows no
`/models`), `plain` (its list has no context), `longer` (says in the stream that the text is too long),
`moody` (silent as long as it is said to be ill), `returns` (lines end in CR), `flood` (one event without
end), `elsewhere` (a redirect), `nothing` (a list of models that is a web page).
"""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
PIECES = ["def mul(a, b):\n", "    return b", " * a\n"]
LATE = 0.3
MUL_LINES = "".join(PIECES)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Odd:
    """The server: what it was asked, and how many streams are open."""

    port: int = 0
    models: tuple[str, ...] = ("tiny-coder",)
    asked: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])
    keys: list[str] = field(default_factory=list[str])
    open: int = 0
    under_way: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    ill: bool = False  # whether `ill` fails now
    answered: int = 0
    warmed: int = 0

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.port}/{kind}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        self.open -= 1
        self.under_way.discard(task)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = json.loads(await reader.readexactly(int(lines.get("content-length", 0))) or b"{}")
        _, kind, *rest = head.split(" ")[1].split("/")
        rest = rest[1:] if rest[0] == "v1" else rest
        self.keys.append(lines.get("authorization", ""))
        path = "/".join(rest)
        if path == "props":
            self._whole(writer, 200, "application/json", b'{"total_slots": 4}')
            return True
        if path == "tcp_warming":
            self.warmed += 1
            self._whole(writer, 200, "text/plain", b"warm")
            return True
        if path == "models" and kind in ("unlisted", "nothing", "plain"):
            status = 404 if kind == "unlisted" else 200
            page = kind == "nothing"
            body = b"<html>" if page else b'{"data": [{"id": "tiny-coder"}]}'
            self._whole(writer, status, "text/html" if page else "application/json", body)
            return True
        if path == "models":
            listed = [{"id": name, "max_model_len": 32_768} for name in self.models]
            self._whole(writer, 200, "application/json", json.dumps({"data": listed}).encode())
            return True
        self.asked.append((path, body))
        return await self._answer(kind, path, body, writer, reader)

    async def _answer(
        self, kind: str, path: str, body: Json, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> bool:
        if len(body.get("stop", [])) > 4 and "cache_prompt" not in body:
            kind = "400"  # as OpenAI and vLLM do, but not llama.cpp
        if kind == "ill":
            kind = "500" if self.ill else "good"
        if kind == "moody":
            kind = "silent" if self.ill else "good"
        if kind == "reset":
            _reset(writer)
        elif kind == "closing":
            self.answered += 1
            if self.answered == 2:
                return False  # the kept connection is closed without a word
            await self._stream(kind, path, writer)
            return True
        elif kind.isdigit():
            more = "retry-after: 7\r\n" if kind == "429" else ""
            self._whole(writer, int(kind), "application/json", b'{"error":{"message":"SECRET PROMPT"}}', more)
        elif kind == "long":
            self._whole(writer, 400, "application/json", b'{"error":{"code":"context_length_exceeded"}}')
        elif kind == "html":
            self._whole(writer, 200, "text/html", b"<html>please log in</html>")
        elif kind == "silent":
            await reader.read()
        elif kind == "elsewhere":
            self._whole(writer, 307, "text/plain", b"", "location: http://127.0.0.1:9/v1\r\n")
        elif kind == "chats" and path == "completions":
            self._whole(writer, 404, "application/json", b'{"detail":"Not Found"}')
            return True
        elif kind == "packed":
            packed = gzip.compress(
                b"".join(_data(_choice(path, text)) for text in PIECES) + _data(_choice(path, "", "stop"))
            )
            self._whole(writer, 200, "text/event-stream", packed, "content-encoding: gzip\r\n")
        elif kind == "late":
            await asyncio.sleep(LATE)
            writer.write(HEAD)
            await reader.read()
        elif kind == "pings":
            await self._pings(writer)
        else:
            await self._stream(kind, path, writer)
            if kind == "slow":
                await reader.read()
        return kind in ("good", "429", "500", "chats", "plain", "unlisted", "nothing")

    async def _pings(self, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            _chunk(writer, b": still here\n\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def _stream(self, kind: str, path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        pieces = PIECES if path == "chat/completions" else ["a + b", "\n"]
        if kind == "endless":
            while True:
                _event(writer, _choice(path, "x = 1\n"))
                await writer.drain()
                await asyncio.sleep(0)
        if kind == "flood":
            while True:
                _chunk(writer, b"data: " + b"x" * 65_536)
                await writer.drain()
        if kind == "thinks":
            for _ in range(15):
                _event(writer, {"choices": [{"delta": {"reasoning_content": "hm"}}]})
                await writer.drain()
                await asyncio.sleep(LATE / 5)
        if kind == "longer":
            _event(writer, {"error": {"code": "context_length_exceeded", "message": "SECRET PROMPT"}})
            return
        if kind == "returns":
            said = [*(_choice(path, text) for text in pieces), _choice(path, "", "stop")]
            _chunk(writer, b"".join(_data(each) for each in said).replace(b"\n", b"\r"))
            _chunk(writer, b"")
            return
        for number, text in enumerate(pieces):
            _event(writer, _choice(path, text))
            await writer.drain()
            if kind == "after":
                await asyncio.sleep(0.05)  # let it be read: a reset throws away what is on its way
                _reset(writer)
                return
            if kind == "minute":
                await self._pings(writer)
            if kind == "slow":
                return
            if kind in ("cut", "broken", "told") and number == 0:
                odd = {"cut": b'data: {"choi', "broken": b"data: {]\n\n", "told": b'data: {"error":{}}\n\n'}
                _chunk(writer, odd[kind])
                _chunk(writer, b"")
                return
        _event(writer, _choice(path, "", "stop"))
        usage = {"prompt_tokens": 50, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 40}}
        _event(writer, {"choices": [], "usage": usage})
        _chunk(writer, b": a comment\n\ndata: [DONE]\n\n")
        _chunk(writer, b"")

    def _whole(
        self, writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, more: str = ""
    ) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body)


def _choice(path: str, text: str, finish: str | None = None) -> Json:
    said: Json = {"delta": {"content": text}} if path == "chat/completions" else {"text": text}
    return {"choices": [{**said, "index": 0, "finish_reason": finish}]}


def _event(writer: asyncio.StreamWriter, event: Json) -> None:
    _chunk(writer, _data(event))


def _data(event: Json) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def odd_server(models: tuple[str, ...] = ("tiny-coder",)) -> AsyncIterator[Odd]:
    """Serve on a loopback port."""
    odd = Odd(models=models)
    server = await asyncio.start_server(odd.serve, "127.0.0.1", 0)
    odd.port = server.sockets[0].getsockname()[1]
    try:
        yield odd
    finally:
        server.close()
        for task in list(odd.under_way):
            task.cancel()
        while odd.under_way:
            await asyncio.sleep(0)
