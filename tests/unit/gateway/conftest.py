"""A session with a scripted peer, and engines that can be held still."""

import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Event, Finished, Started
from spark_lsp.app import refuse_unapproved
from spark_lsp.config import EngineSettings, ReplaySettings
from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.gateway.registry import Registry
from spark_lsp.gateway.replica_cache import ReplicaCache
from spark_lsp.request import EngineInfo, Focus, Request
from spark_lsp.wire.server import ServerConnection
from tests.patience import PATIENCE

Json = dict[str, Any]
DEADLINE = PATIENCE


class Puppet:
    """An engine whose answers are given by hand: `say(instruction, event)`; counts who is inside."""

    def __init__(self, name: str = "puppet") -> None:
        self._name = name
        self._lines: defaultdict[str, list[Event | Exception]] = defaultdict(list)
        self._moved = anyio.Event()
        self.inside: list[str] = []
        self.focus: list[Focus] = []
        self.closed = 0
        self.reason = ""

    @property
    def info(self) -> EngineInfo:
        state = "degraded" if self.reason else "ready"
        return EngineInfo(self._name, "puppet", "wood", state=state, reason=self.reason)

    def say(self, to: str, *events: Event | Exception) -> None:
        self._lines[to] += events
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.inside.append(request.instruction)
        try:
            yield self._play(self._lines[request.instruction])
        finally:
            self.inside.remove(request.instruction)

    async def _play(self, lines: list[Event | Exception]) -> AsyncIterator[Event]:
        while True:
            while lines:
                event = lines.pop(0)
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
            await self._moved.wait()

    def observe(self, focus: Focus) -> None:
        self.focus.append(focus)

    async def aclose(self) -> None:
        self.closed += 1


class Stubborn(Puppet):
    """An engine that stops only when it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = anyio.Event()
        self.most = 0

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        async with super().open(request) as events:
            self.most = max(self.most, len(self.inside))
            try:
                yield events
            finally:
                with anyio.CancelScope(shield=True):
                    await self.release.wait()


class Silent(Puppet):
    """An engine that breaks its contract: it ends without having finished."""

    async def _play(self, lines: list[Event | Exception]) -> AsyncIterator[Event]:
        yield Started("silent", "wood")


class Peer:
    """The other end: what it sends, and what it has been sent, by lane."""

    def __init__(self) -> None:
        self.out, self._in = anyio.create_memory_object_stream[str | bytes | None](1000)
        self.heard: list[Json] = []
        self.blocked: anyio.Event | None = None

    async def receive(self) -> str | bytes | None:
        return await self._in.receive()

    async def send(self, message: str) -> None:
        if self.blocked is not None:
            await self.blocked.wait()
        self.heard.append(json.loads(message))

    def say(self, kind: str, **fields: Any) -> None:
        self.out.send_nowait(json.dumps({"type": kind, **fields}))

    def ask(self, lane: str, task: str = "edit", origin: str = "") -> None:
        self.say(
            "response.create",
            stream_id=lane,
            model="puppet",
            spark={"task": task, "instruction": lane, "origin": origin},
        )

    def gone(self) -> None:
        self.out.send_nowait(None)

    def of(self, lane: str) -> list[Json]:
        return [each for each in self.heard if each.get("stream_id") == lane]

    def text(self, lane: str) -> str:
        return "".join(each.get("delta", "") for each in self.of(lane))

    def ending(self, lane: str) -> list[str]:
        ends = ("response.completed", "response.incomplete", "response.failed", "error")
        return [each["type"] for each in self.of(lane) if each["type"] in ends]

    def close(self) -> None:
        self.out.close()
        self._in.close()


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def silent() -> Silent:
    return Silent()


@pytest.fixture
def stubborn() -> Stubborn:
    return Stubborn()


class Workshop:
    """Builds puppets and remembers them."""

    def __init__(self) -> None:
        self.built: list[Puppet] = []

    def __call__(self, name: str, settings: EngineSettings, find: object) -> Puppet:
        self.built.append(Puppet(name))
        return self.built[-1]


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition, with a deadline."""

    async def wait(condition: Callable[[], object]) -> None:
        with anyio.fail_after(DEADLINE):
            while not condition():
                await anyio.sleep(0.002)

    return wait


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A peer of nobody yet."""
    alone = Peer()
    yield alone
    alone.close()


@pytest.fixture
def served() -> Callable[..., Any]:
    """`async with served(engine, spark=…, build=…) as (peer, session)`."""

    @asynccontextmanager
    async def serving(
        puppet: Puppet, *, spark: bool = True, build: Callable[..., Any] | None = None
    ) -> AsyncGenerator[tuple[Peer, ConnectionHandler], None]:
        def never(name: str, *_: Any) -> Any:
            raise AssertionError(f"{name} was built")

        peer = Peer()
        routes: dict[str, tuple[str, ...]] = dict.fromkeys(("completion", "edit"), ("puppet",))
        registry = Registry({"puppet": puppet}, routes, {"puppet": ReplaySettings()})
        session = ConnectionHandler(
            ServerConnection("t", spark=spark),
            registry,
            build or never,
            refuse_unapproved,
            ReplicaCache(time.monotonic),
        )
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(session.run, peer.receive, peer.send)
                yield peer, session
                peer.gone()
        finally:
            peer.close()

    return serving
