"""A Responses WebSocket server written from the public rules alone: it knows nothing of this project.

It has lanes and their limits, lineage (each lane keeps its latest response; a failed continuation on its lane
evicts the parent, a failed fork does not), warm-up, steering at the next safe boundary, and the sixty minutes
of a connection, on a clock that `lifetime_s` scales. `answer` gives the text for a conversation's inputs.

What the input holds can make it misbehave: HANG (it begins and is silent for a while), FAIL, ERROR (before it
begins), ERROR=code (the same with a code of `STATUS`), CUT (the connection is dropped in mid-stream), LIMIT
(the connection has reached its sixty minutes). Between events it sends some that no client knows.
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
CODED = re.compile(r"ERROR=([a-z_]+)")
IN_FLIGHT, NAMES = 16, 32
STATUS = {
    "invalid_prompt": 400,
    "invalid_api_key": 401,
    "permission_denied": 403,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "server_is_overloaded": 503,
}
"""The errors of a request, with the status of each."""


@dataclass
class Connection:
    """What the server keeps of one connection. `kept` has by response its lane and all its inputs."""

    began: float
    kept: dict[str, tuple[str | None, list[Any]]] = field(
        default_factory=dict[str, tuple[str | None, list[Any]]]
    )
    active: dict[str, str | None] = field(default_factory=dict[str, str | None])  # lanes, by response
    ended: set[str] = field(default_factory=set[str])
    steers: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])  # accepted, by response

    def keep(self, lane: str | None, response: str, inputs: list[Any]) -> None:
        """Keep a response as the latest of its lane."""
        self.kept = {each: value for each, value in self.kept.items() if value[0] != lane}
        self.kept[response] = lane, inputs

    def evict_parent(self, lane: str | None, parent: str | None) -> None:
        """Forget the parent of a failed continuation, unless it was a fork."""
        if parent in self.kept and self.kept[parent][0] == lane:
            del self.kept[parent]


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
    lifetime_s: float = 3600.0
    connections: dict[Any, Connection] = field(default_factory=dict[Any, Connection])  # by transport

    async def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.offered.append(request.headers.get("Sec-WebSocket-Protocol"))
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "wrong key")
        return None

    async def talk(self, socket: ServerConnection) -> None:
        lanes: dict[str, asyncio.Queue[Json]] = {}
        room = asyncio.Semaphore(IN_FLIGHT)
        tasks: set[asyncio.Task[None]] = set()
        clock = asyncio.get_running_loop().time
        known = self.connections[socket.transport] = Connection(clock())
        try:
            async for message in socket:
                if clock() - known.began > self.lifetime_s:
                    await self.error(socket, None, "websocket_connection_limit_reached")
                    await socket.close(1000, "sixty minutes")
                    return
                create = read_message(message)
                if create.get("type") == "response.steer":
                    await self.steer(socket, create)
                    continue
                if create.get("type") != "response.create":
                    self.others.append(str(create.get("type")))
                    await self.error(socket, None, "invalid_request_error")
                    continue
                self.creates.append(create)
                lane = create.get("stream_id")
                if code := self.refusal_of_lane(lane, {each for each in lanes if each}):
                    await self.error(socket, lane, code)
                    continue
                if (lane or "") not in lanes:
                    lanes[lane or ""] = asyncio.Queue()
                    tasks.add(asyncio.create_task(self.serve_lane(socket, lanes[lane or ""], room)))
                lanes[lane or ""].put_nowait(create)
        except ConnectionClosed:
            pass
        finally:
            del self.connections[socket.transport]
            for task in tasks:
                task.cancel()

    def refusal_of_lane(self, lane: Any, names: set[str]) -> str:
        if lane is None:
            return ""
        if not isinstance(lane, str) or not NAME.fullmatch(lane):
            return "invalid_stream_id"
        return "websocket_stream_limit_reached" if len({*names, lane}) > NAMES else ""

    async def steer(self, socket: ServerConnection, message: Json) -> None:
        known, target = self.connections[socket.transport], message.get("previous_response_id")
        code, given = "", message.get("input")
        if not given or not (isinstance(given, str) or all(each.get("role") == "user" for each in given)):
            code = "invalid_input"
        elif target not in known.active:
            code = "response_already_completed" if target in known.ended else "response_not_found"
        steer: Json = {"previous_response_id": target}
        named = {"stream_id": lane} if (lane := known.active.get(str(target))) is not None else {}
        if code:
            error = {"type": "invalid_request_error", "code": code, "message": f"{code}."}
            failed = {"type": "response.steer.failed", "sequence_number": 0, "error": error, **named}
            await socket.send(json.dumps({**failed, "steer": {**steer, "input": given}}))
            return
        known.steers.setdefault(str(target), []).append(given)
        accepted = {"type": "response.steer.accepted", "sequence_number": 0, **named}
        await socket.send(json.dumps({**accepted, "steer": {**steer, "id": f"steer_{target}"}}))

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

    async def error(
        self, socket: ServerConnection, lane: str | None, code: str, param: str | None = None
    ) -> None:
        body = {"type": "invalid_request_error", "code": code, "message": f"{code}.", "param": param}
        named = {"stream_id": lane} if lane is not None else {}
        status = STATUS.get(code, 400)
        await socket.send(json.dumps({"type": "error", "status": status, "error": body, **named}))

    async def refuse(self, socket: ServerConnection, create: Json) -> bool:
        """Send the error of a request that cannot begin. Return False if it can."""
        lane, given = create.get("stream_id"), json.dumps(create.get("input"))
        known, parent = self.connections[socket.transport], create.get("previous_response_id")
        coded = CODED.search(given)
        if "LIMIT" in given:
            await self.error(socket, None, "websocket_connection_limit_reached")
            await socket.close(1000, "sixty minutes")
            return True
        if create.get("background"):
            await self.error(socket, lane, "unsupported_parameter", "background")
        elif parent is not None and parent not in known.kept:
            await self.error(socket, lane, "previous_response_not_found", "previous_response_id")
        elif "ERROR" in given:
            known.evict_parent(lane, parent)
            await self.error(socket, lane, coded[1] if coded else "server_says_no")
        else:
            return False
        return True

    async def respond(self, socket: ServerConnection, create: Json) -> None:
        if await self.refuse(socket, create):
            return
        lane, known = create.get("stream_id"), self.connections[socket.transport]
        before = known.kept[parent][1] if (parent := create.get("previous_response_id")) else []
        inputs = [*before, create.get("input")]
        given = json.dumps(inputs if before else inputs[0])
        self.number += 1
        identity, sequence = f"resp_{self.number}", 0
        known.active[identity] = lane

        async def say(kind: str, **fields: Any) -> None:
            nonlocal sequence
            named = {"stream_id": lane} if lane is not None else {}
            await socket.send(json.dumps({"type": kind, "sequence_number": sequence, **named, **fields}))
            sequence += 1

        def end() -> None:
            known.active.pop(identity, None)
            known.ended.add(identity)

        async def continue_steered() -> None:
            """Answer the input of all steers in a successor on the same lane."""
            known.keep(lane, identity, inputs)
            given = [item for each in known.steers.pop(identity) for item in messages_of(each)]
            await self.respond(socket, {**create, "input": given, "previous_response_id": identity})

        body = {"id": identity, "object": "response", "model": create.get("model") or "plain-1", "output": []}
        await say("response.created", response={**body, "status": "in_progress"})
        await say("response.in_progress", response={**body, "status": "in_progress"})
        await socket.send(json.dumps({"type": "codex.rate_limits", "rate_limits": {}}))
        await socket.send(json.dumps({"type": "keepalive", "sequence_number": 7}))
        if create.get("generate") is False:
            end()
            known.keep(lane, identity, inputs)
            await say(
                "response.completed", response={**body, "status": "completed", "usage": usage_of(given, "")}
            )
            return
        if "HANG" in given:
            await asyncio.sleep(0.3)
        item = {"id": "msg", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        where = {"item_id": "msg", "output_index": 0, "content_index": 0}
        await say("response.output_item.added", output_index=0, item=item)
        await say("response.content_part.added", **where, part={"type": "output_text", "text": ""})
        text = self.answer(inputs[0] if len(inputs) == 1 and isinstance(inputs[0], str) else given)
        for at in range(0, len(text), 5):
            await say("response.output_text.delta", **where, delta=text[at : at + 5], logprobs=[])
            if "CUT" in given:
                socket.transport.abort()
                return
            await asyncio.sleep(0)
            if identity in known.steers:
                end()
                cut = {"status": "incomplete", "incomplete_details": {"reason": "steered"}}
                await say("response.incomplete", response={**body, **cut})
                await continue_steered()
                return
        if "FAIL" in given:
            end()
            known.evict_parent(lane, parent)
            error = {"code": "server_error", "message": "It failed."}
            await say("response.failed", response={**body, "status": "failed", "error": error})
            return
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        item |= {"status": "completed", "content": [part]}
        await say("response.output_text.done", **where, text=text, logprobs=[])
        await say("response.content_part.done", **where, part=part)
        await say("response.output_item.done", output_index=0, item=item)
        await say("response.future_event", future={"a": 1})
        done = {**body, "status": "completed", "output": [item], "usage": usage_of(given, text)}
        end()
        known.keep(lane, identity, inputs)
        await say("response.completed", response=done)
        if identity in known.steers:
            await continue_steered()


def read_message(message: str | bytes) -> Json:
    """Return a message's object; an empty one if it is none."""
    try:
        read = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def messages_of(given: Any) -> list[Any]:
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def usage_of(given: str, text: str) -> Json:
    return {
        "input_tokens": len(given) // 4,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": len(text) // 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }


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
