"""A service with all public rules of the Responses WebSocket, and a clock that tests can scale.

It has the limits (16 in flight, 32 names, a lifetime), lineage in a cache of this connection (each lane keeps
its latest response; a failed continuation on its lane evicts the parent, a failed fork does not), warm-up,
and every error. It reads the documents of requests as a model should, and answers with
`answer(document, task)`.

The attributes of `Rules` make it refuse things. Like `plain_server`, it knows nothing of this project but the
words that `changes` reads.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.conformance.changes import contents_of, document_of
from tests.conformance.plain_server import IN_FLIGHT, NAME, NAMES

Json = dict[str, Any]


@dataclass
class Rules:
    """What this service allows. `errors` are given to the next requests that want text, in this order."""

    key: str = "secret"
    lifetime_s: float = 3600.0
    upgrade: HTTPStatus | None = None  # the answer to each handshake
    upgrade_headers: dict[str, str] = field(default_factory=dict[str, str])
    model: str = "gpt-5.3-codex-spark-2026-02-12"
    knows_lanes: bool = True
    knows_generate: bool = True
    refuses: tuple[str, ...] = ()
    errors: list[Json] = field(default_factory=list[Json])
    warm_errors: list[Json] = field(default_factory=list[Json])
    deltas: bool = True
    pause_s: float = 0.0  # before the first text
    silent: bool = False
    stalls: bool = False  # silent after the first delta, but for events that only keep a connection open
    noise: tuple[Json, ...] = ()  # events before the text
    steering: str = "yes"  # or "refused", "unknown" (an error of no lane), "ignored", "late" (fails after it)


@dataclass
class Seen:
    """What the service has seen. `sizes` are the bytes of each create on the wire, with its header."""

    creates: list[Json] = field(default_factory=list[Json])
    sizes: list[int] = field(default_factory=list[int])
    handshakes: list[Request] = field(default_factory=list[Request])
    steers: list[Json] = field(default_factory=list[Json])
    steered: int = 0  # responses that ended early because of a steer
    connections: int = 0
    open: int = 0
    most_in_flight: int = 0
    most_names: int = 0
    documents: list[str | None] = field(default_factory=list[str | None])  # of the requests that want text

    @property
    def warm(self) -> list[Json]:
        """The creates that only prepare."""
        return [each for each in self.creates if each.get("generate") is False]

    @property
    def asked(self) -> list[Json]:
        """The creates that want text."""
        return [each for each in self.creates if each.get("generate") is not False]


Contents = list[str]


@dataclass
class Active:
    """A response in progress. `added` has the input of the steer that ends it."""

    lane: str | None
    create: Json
    added: Contents = field(default_factory=list[str])
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Service:
    """See the module's text."""

    answer: Callable[[str | None, str], str]
    rules: Rules = field(default_factory=Rules)
    seen: Seen = field(default_factory=Seen)
    url: str = ""
    sessions: list["Session"] = field(default_factory=list["Session"])
    number: int = 0

    async def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.seen.handshakes.append(request)
        if self.rules.upgrade is not None:
            response = socket.respond(self.rules.upgrade, "no")
            for name, value in self.rules.upgrade_headers.items():
                response.headers[name] = value
            return response
        if request.headers.get("Authorization") != f"Bearer {self.rules.key}":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "wrong key")
        return None

    async def talk(self, socket: ServerConnection) -> None:
        session = Session(self, socket)
        self.sessions.append(session)
        self.seen.connections += 1
        self.seen.open += 1
        try:
            await session.run()
        finally:
            self.seen.open -= 1
            self.sessions.remove(session)

    def evict(self) -> None:
        """Forget every response, as a service under load does."""
        for session in self.sessions:
            session.kept.clear()


class Session:
    """One connection."""

    def __init__(self, service: Service, socket: ServerConnection) -> None:
        self.service = service
        self.rules = service.rules
        self.socket = socket
        self.began = asyncio.get_running_loop().time()
        self.kept: dict[str, tuple[str | None, Contents]] = {}  # by response: its lane, the texts up to it
        self.lanes: dict[str | None, asyncio.Queue[Json]] = {}
        self.active: dict[str, Active] = {}
        self.in_flight = 0
        self.room = asyncio.Semaphore(IN_FLIGHT)
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            async for message in self.socket:
                assert isinstance(message, str)
                await self.take(message)
        except ConnectionClosed:
            pass
        finally:
            for task in self.tasks:
                task.cancel()

    async def take(self, message: str) -> None:
        create, seen = json.loads(message), self.service.seen
        if create["type"] == "response.steer":
            await self.steer(create)
            return
        assert create.pop("type") == "response.create"
        seen.creates.append(create)
        size = len(message.encode())
        seen.sizes.append(size + 6 + (0 if size < 126 else 2 if size < 65_536 else 8))
        if asyncio.get_running_loop().time() - self.began > self.rules.lifetime_s:
            await self.error(None, "websocket_connection_limit_reached")
            await self.socket.close(1000, "sixty minutes")
            return
        lane = create.get("stream_id") if self.rules.knows_lanes else None
        if lane is not None and not NAME.fullmatch(lane):
            await self.error(lane, "invalid_stream_id")
            return
        if lane not in self.lanes and len(self.lanes) >= NAMES:
            await self.error(lane, "websocket_stream_limit_reached")
            return
        if lane not in self.lanes:
            self.lanes[lane] = asyncio.Queue()
            seen.most_names = max(seen.most_names, len(self.lanes))
            self.tasks.add(asyncio.create_task(self.serve_lane(lane)))
        self.lanes[lane].put_nowait(create)

    async def serve_lane(self, lane: str | None) -> None:
        while True:
            create = await self.lanes[lane].get()
            async with self.room:
                self.in_flight += 1
                self.service.seen.most_in_flight = max(self.service.seen.most_in_flight, self.in_flight)
                try:
                    await self.respond(lane, create)
                except ConnectionClosed:
                    return
                finally:
                    self.in_flight -= 1

    async def steer(self, message: Json) -> None:
        self.service.seen.steers.append(message)
        target, active = message["previous_response_id"], self.active.get(message["previous_response_id"])
        if self.rules.steering == "unknown":
            await self.error(None, "invalid_request_error")
        if self.rules.steering in ("unknown", "ignored"):
            return
        named = {"stream_id": active.lane} if active is not None and active.lane is not None else {}
        steer: Json = {"previous_response_id": target}
        if active is None or self.rules.steering == "refused":
            code = "response_already_completed" if active is None else "steering_not_supported"
            error = {"type": "invalid_request_error", "code": code, "message": f"{code}."}
            failed = {"type": "response.steer.failed", "sequence_number": 0, **named, "error": error}
            await self.socket.send(json.dumps({**failed, "steer": {**steer, "input": message["input"]}}))
            return
        accepted = {"type": "response.steer.accepted", "sequence_number": 0, **named}
        await self.socket.send(json.dumps({**accepted, "steer": {**steer, "id": "steer_1"}}))
        if self.rules.steering == "late":
            error = {"type": "server_error", "code": "successor_creation_failed", "message": "No."}
            failed = {"type": "response.steer.failed", "sequence_number": 1, **named, "error": error}
            await self.socket.send(json.dumps({**failed, "steer": {**steer, "id": "steer_1"}}))
            return
        active.added = contents_of(message["input"])
        active.stop.set()

    async def error(self, lane: str | None, code: str, **more: Any) -> None:
        status, headers = more.pop("status", 400), more.pop("headers", None)
        body = {"type": "invalid_request_error", "code": code, "message": f"{code}.", "param": None, **more}
        message = {"type": "error", "status": status, "error": body}
        if lane is not None:
            message["stream_id"] = lane
        if headers is not None:
            message["headers"] = headers
        await self.socket.send(json.dumps(message))

    async def respond(self, lane: str | None, create: Json) -> None:
        for name in self.rules.refuses:
            if name in create:
                await self.error(lane, "unsupported_parameter", param=name, message=f"Unsupported: {name}")
                return
        parent, warm = create.get("previous_response_id"), create.get("generate") is False
        if parent is not None and parent not in self.kept:
            await self.error(lane, "previous_response_not_found", param="previous_response_id")
            return
        assert create.get("store") is False
        contents = [*(self.kept[parent][1] if parent else []), *contents_of(create["input"])]
        queued = self.rules.warm_errors if warm else self.rules.errors
        if queued:
            if parent is not None and self.kept[parent][0] == lane:
                del self.kept[parent]  # a failed continuation
            await self.error(lane, **queued.pop(0))
            return
        await self.generate(lane, create, contents, warm=warm and self.rules.knows_generate)

    async def generate(self, lane: str | None, create: Json, contents: Contents, *, warm: bool) -> None:
        self.service.number += 1
        identity, sequence = f"resp_{self.service.number:048x}", 0

        async def say(kind: str, **fields: Any) -> None:
            nonlocal sequence
            named = {"stream_id": lane} if lane is not None else {}
            await self.socket.send(json.dumps({"type": kind, "sequence_number": sequence, **named, **fields}))
            sequence += 1

        body = {"id": identity, "object": "response", "model": self.rules.model, "output": []}
        await say("response.created", response={**body, "status": "in_progress"})
        active = self.active[identity] = Active(lane, create)
        try:
            text = "" if warm else await self.write_until_steered(active, contents, say)
        finally:
            del self.active[identity]
        if active.added:
            details = {"reason": "steered"}
            await say(
                "response.incomplete",
                response={**body, "status": "incomplete", "incomplete_details": details},
            )
            self.service.seen.steered += 1
            await self.generate(lane, create, [*contents, *active.added], warm=False)
            return
        self.keep(lane, identity, [*contents, *([text] if text else [])])
        usage = {
            "input_tokens": sum(map(len, contents)) // 4,
            "input_tokens_details": {"cached_tokens": 1024},
            "output_tokens": len(text) // 4,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        }
        await say("response.completed", response={**body, "status": "completed", "usage": usage})

    async def write_until_steered(self, active: Active, contents: Contents, say: Callable[..., Any]) -> str:
        writing = asyncio.ensure_future(self.write(contents, say))
        stopping = asyncio.ensure_future(active.stop.wait())
        try:
            await asyncio.wait([writing, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not active.added:
                return await writing
            return ""
        finally:
            for task in (writing, stopping):
                task.cancel()
            await asyncio.wait([writing, stopping])

    async def write(self, contents: Contents, say: Callable[..., Any]) -> str:
        for event in self.rules.noise:
            await say(**event)
        if self.rules.silent:
            await asyncio.Event().wait()
        await asyncio.sleep(self.rules.pause_s)
        document = document_of(contents)
        self.service.seen.documents.append(document)
        text = self.service.answer(document, contents[-1])
        if self.rules.deltas:
            for at in range(0, len(text), 7):
                await say("response.output_text.delta", item_id="m", delta=text[at : at + 7])
                while self.rules.stalls:
                    await say("keepalive")
                    await asyncio.sleep(0.02)
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        await say("response.output_item.done", output_index=0, item=item)
        return text

    def keep(self, lane: str | None, identity: str, contents: Contents) -> None:
        for response in [each for each, (of, _) in self.kept.items() if of == lane]:
            del self.kept[response]
        self.kept[identity] = (lane, contents)


@asynccontextmanager
async def service(
    answer: Callable[[str | None, str], str], rules: Rules | None = None
) -> AsyncIterator[Service]:
    """Serve on a loopback port."""
    served = Service(answer, rules or Rules())
    async with serve(
        served.talk, "127.0.0.1", 0, process_request=served.admit, max_size=16 << 20, close_timeout=0.2
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        served.url = f"ws://127.0.0.1:{port}/v1"
        yield served
