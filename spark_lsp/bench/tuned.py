"""The tuned baseline: HTTP/1.1 keep-alive and SSE with aiohttp, orjson and uvloop at both ends.

Each question contains the whole context, as with clients of such services. Run as a program
this is the server: it takes its engines as one JSON argument and prints a line when it is ready.
"""

import io
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import anyio
import orjson
from aiohttp import web

from spark_lsp.answer_events import Chunk, Finished
from spark_lsp.bench.question import Question
from spark_lsp.config import ReplaySettings
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.request import Request, Task

GATHER = 0.003  # seconds that the variant with several tokens per event waits for more of them

LARGE = 1_000_000  # size in bytes from which aiohttp expects a body as a file


class Tuned:
    """The client; `coalesced` requests several tokens per event, which hardly any server sends."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, coalesced: bool = False) -> None:
        self._session = session
        self._url = url
        self._coalesced = coalesced

    async def ask(self, question: Question) -> AsyncGenerator[str]:
        """Ask with the whole text, and yield the answer's text as it arrives."""
        body = orjson.dumps(body_of(question, coalesced=self._coalesced))
        payload = io.BytesIO(body) if len(body) > LARGE else body
        async with self._session.post(self._url, data=payload) as response:
            rest = b""
            async for data in response.content.iter_any():
                *whole, rest = (rest + data).split(b"\n\n")
                for event in whole:
                    if (text := _text(event)) is not None:
                        yield text


def _text(event: bytes) -> str | None:
    fields = orjson.loads(event.removeprefix(b"data: "))
    return fields["delta"] if fields["type"] == "response.output_text.delta" else None


def body_of(question: Question, *, coalesced: bool = False) -> dict[str, Any]:
    """Return the request for HTTP: with all its text."""
    request = question.request()
    text = [{"role": "user", "content": part.text} for part in request.parts]
    return {
        "model": question.engine,
        "stream": True,
        "input": text,
        "max_output_tokens": question.tokens,
        "coalesced": coalesced,
    }


def client() -> aiohttp.ClientSession:
    """Return the one session that every question uses."""
    return aiohttp.ClientSession(headers={"Content-Type": "application/json"})


# The server.


class _Server:
    def __init__(self, engines: dict[str, ReplaySettings]) -> None:
        self._engines = {name: ReplayEngine(name, settings) for name, settings in engines.items()}

    async def answer(self, http: web.Request) -> web.StreamResponse:
        body = orjson.loads(await http.read())
        text = "".join(item["content"] for item in body["input"])
        request = Request(Task.CHAT, instruction=text, max_tokens=body["max_output_tokens"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)
        await response.write(_sse({"type": "response.created", "response": {"id": "resp_1"}}))
        gather = GATHER if body["coalesced"] else 0.0
        async with self._engines[body["model"]].open(request) as events:
            async for data in _yield_text(events, gather):
                await response.write(data)
        await response.write_eof()
        return response


async def _yield_text(events: AsyncIterator[Any], gather: float) -> AsyncGenerator[bytes]:
    """Yield the events' text: at once, or gathered for `gather` seconds."""
    number, waiting, due = 0, "", 0.0
    async for event in events:
        if isinstance(event, Chunk):
            waiting += event.text
            if gather and time.monotonic() < due:
                continue
            due = time.monotonic() + gather
        elif not isinstance(event, Finished):
            continue
        if waiting:
            number += 1
            yield _sse(delta(waiting, number))
            waiting = ""
    yield _sse({"type": "response.completed", "response": {"id": "resp_1"}})


def delta(text: str, number: int) -> dict[str, Any]:
    """Return the public event for some more text."""
    return {
        "type": "response.output_text.delta",
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
        "logprobs": [],
        "sequence_number": number,
    }


def _sse(event: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"


async def _serve(engines: dict[str, ReplaySettings]) -> None:
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/responses", _Server(engines).answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    sys.stdout.write(json.dumps({"url": f"http://{host}:{port}/v1/responses"}) + "\n")
    sys.stdout.flush()
    await anyio.sleep_forever()


if __name__ == "__main__":
    tables = {name: ReplaySettings(**table) for name, table in json.loads(sys.argv[1]).items()}
    anyio.run(_serve, tables, backend_options={"use_uvloop": sys.platform != "win32"})
