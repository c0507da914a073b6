"""A Responses WebSocket server written from the public rules alone: it knows nothing of this project.

`answer` gives the text for an `input`; what the input holds can make it misbehave: HANG (it begins and is
silent for a while), FAIL, ERROR (before it begins), CUT (the connection is dropped in mid-stream), LIMIT (the
connection has reached its sixty minutes). Between events it sends some that no client knows.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Json = dict[str, Any]
NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
IN_FLIGHT, NAMES = 16, 32


@dataclass
class Plain:
    """The server, and what it has seen: creates and the subprotocols offered."""

    answer: Callable[[str], str]
    key: str = "secret"
    creates: list[Json] = field(default_factory=list[Json])
    offered: list[str | None] = field(default_factory=list[str | None])
    others: list[str] = field(default_factory=list[str])
    number: int = 0
    url: str = ""

    async def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.offered.append(request.headers.get("Sec-WebSocket-Protocol"))
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "wrong key")
        return None

    async def talk(self, socket: ServerConnection) -> None:
        lanes: dict[str, asyncio.Queue[Json]] = {}
        room = asyncio.Semaphore(IN_FLIGHT)
        tasks: set[asyncio.Task[None]] = set()
        try:
            async for message in socket:
                create = json.loads(message)
                if create["type"] != "response.create":
                    self.others.append(create["type"])
                    continue
                self.creates.append(create)
                lane = create.get("stream_id")
                if lane is not None and (not NAME.fullmatch(lane) or len({*lanes, lane}) > NAMES):
                    await self.error(socket, lane, "invalid_stream_id")
                    continue
                if (lane or "") not in lanes:
                    lanes[lane or ""] = asyncio.Queue()
                    tasks.add(asyncio.create_task(self.serve_lane(socket, lanes[lane or ""], room)))
                lanes[lane or ""].put_nowait(create)
        except ConnectionClosed:
            pass
        finally:
            for task in tasks:
                task.cancel()

    async def serve_lane(
        self, socket: ServerConnection, queue: "asyncio.Queue[Json]", room: asyncio.Semaphore
    ) -> None:
        while True:
            create = await queue.get()
            async with room:
                try:
                    await self.respond(socket, create)
                except ConnectionClosed:
                    return

    async def error(self, socket: ServerConnection, lane: str | None, code: str) -> None:
        body = {"type": "invalid_request_error", "code": code, "message": f"{code}.", "param": None}
        named = {"stream_id": lane} if lane is not None else {}
        await socket.send(json.dumps({"type": "error", "status": 400, "error": body, **named}))

    async def respond(self, socket: ServerConnection, create: Json) -> None:
        lane, given = create.get("stream_id"), json.dumps(create.get("input"))
        self.number += 1
        identity, sequence = f"resp_{self.number}", 0

        async def say(kind: str, **fields: Any) -> None:
            nonlocal sequence
            named = {"stream_id": lane} if lane is not None else {}
            await socket.send(json.dumps({"type": kind, "sequence_number": sequence, **named, **fields}))
            sequence += 1

        if "ERROR" in given:
            await self.error(socket, lane, "server_says_no")
            return
        if "LIMIT" in given:
            await self.error(socket, None, "websocket_connection_limit_reached")
            await socket.close(1000, "sixty minutes")
            return
        body = {"id": identity, "object": "response", "model": create.get("model") or "plain-1", "output": []}
        await say("response.created", response={**body, "status": "in_progress"})
        await say("response.in_progress", response={**body, "status": "in_progress"})
        await socket.send(json.dumps({"type": "codex.rate_limits", "rate_limits": {}}))
        await socket.send(json.dumps({"type": "keepalive", "sequence_number": 7}))
        if "HANG" in given:
            await asyncio.sleep(0.3)
        item = {"id": "msg", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        where = {"item_id": "msg", "output_index": 0, "content_index": 0}
        await say("response.output_item.added", output_index=0, item=item)
        await say("response.content_part.added", **where, part={"type": "output_text", "text": ""})
        asked = create.get("input")
        text = self.answer(asked if isinstance(asked, str) else given)
        for at in range(0, len(text), 5):
            await say("response.output_text.delta", **where, delta=text[at : at + 5], logprobs=[])
            if "CUT" in given:
                socket.transport.abort()
                return
            await asyncio.sleep(0)
        if "FAIL" in given:
            error = {"code": "server_error", "message": "It failed."}
            await say("response.failed", response={**body, "status": "failed", "error": error})
            return
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        item |= {"status": "completed", "content": [part]}
        await say("response.output_text.done", **where, text=text, logprobs=[])
        await say("response.content_part.done", **where, part=part)
        await say("response.output_item.done", output_index=0, item=item)
        await say("response.future_event", future={"a": 1})
        usage = {
            "input_tokens": len(given) // 4,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": len(text) // 4,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        }
        done = {**body, "status": "completed", "output": [item], "usage": usage}
        await say("response.completed", response=done)


P = TypeVar("P", bound=Plain)


@asynccontextmanager
async def serving(answer: Callable[[str], str], kind: type[P] = Plain) -> AsyncIterator[P]:
    """Serve on a loopback port."""
    plain = kind(answer)
    async with serve(
        plain.talk, "127.0.0.1", 0, process_request=plain.admit, max_size=16 << 20, close_timeout=0.2
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        plain.url = f"ws://127.0.0.1:{port}/v1/responses"
        yield plain
