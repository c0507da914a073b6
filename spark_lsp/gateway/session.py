"""One connection joined to engines: one reader, one writer, a task for each response under way.

The reader never waits for an engine, and nothing raises into the connection's group: a failure of one
response is told on its own lane and the neighbours go on. The end of the connection cancels everything
that runs for it, which is how engines learn that nobody listens any more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup

from spark_lsp import __version__
from spark_lsp.codes import Code
from spark_lsp.config import EngineSettings, OpenAISettings, Problem, read_engine
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import close_engine, failure_of
from spark_lsp.engine.openai.keys import HANDED
from spark_lsp.errors import EngineError, RemoteProtocolError
from spark_lsp.gateway.mirrors import Mirrors
from spark_lsp.gateway.registry import BuildEngine, Registry
from spark_lsp.gateway.scheduler import Decision, Scheduler
from spark_lsp.gateway.tally import Tally
from spark_lsp.request import Chunk, EngineInfo, Event, Finished, Request, Started
from spark_lsp.supervise import call_guarded, keep_running, run_guarded
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import Asked, Cancelled, Configured, Focused, Resumed, ServerEvent

FLUSH = 0.002  # seconds that text may wait for more text, once a response has begun to speak
LIFETIME = 3600.0  # seconds a connection lives, by the public protocol
EARLY = 0.9  # of its life, when a spark.v1 client is asked to open the next one
GRACE = 30.0  # seconds that answers under way have when the connection is too old
TO_WRITE = 2  # turns of the loop until what is urgent has been written, before an engine goes on
WATCH = 1.0  # seconds between looks at the engines' state

Send = Callable[[str], Awaitable[None]]
Approve = Callable[[Mapping[str, EngineSettings]], tuple[dict[str, EngineSettings], list[Problem]]]


class Session:
    """See the module's text."""

    def __init__(
        self,
        connection: ServerConnection,
        registry: Registry,
        build: BuildEngine,
        approve: Approve,
        mirrors: Mirrors,
        lifetime: float = LIFETIME,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._lifetime = lifetime
        self._connection = connection
        self._mirrors = mirrors
        self._gateway_registry = registry
        self._registry = registry
        self._build = build
        self._approve = approve
        self._own_engines: dict[str, Engine] = {}  # what the editor's settings brought
        self._own_settings: Mapping[str, EngineSettings] = {}
        self._scheduler = Scheduler()
        self._requests: dict[str, Request] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._idle: list[asyncio.Future[str]] = []  # tasks that wait for a response to serve
        self._told: tuple[EngineInfo, ...] = ()
        self._problems: tuple[str, ...] = ()
        self._dirty = asyncio.Event()  # something may wait to be written
        self._hurry = asyncio.Event()  # and it should not wait for more
        self._written = asyncio.Event()  # something has been written since somebody `_paused`
        self._paused = False
        self._too_old = False

    async def run(self, messages: "Receive", send: Send) -> None:
        """Serve until the peer is gone. Raises `RemoteProtocolError` if it breaks the protocol."""
        broken: RemoteProtocolError | None = None
        try:
            async with anyio.create_task_group() as group:
                end = partial(_cancel, group)
                group.start_soon(partial(run_guarded, on_failure=end), self._write, send, group)
                group.start_soon(run_guarded, self._grow_old, group)
                self._greet(group)
                try:
                    while (message := await messages()) is not None:
                        self._act(self._connection.receive(message, time.time()), group)
                        if self._connection.congested:
                            await self._while(lambda: self._connection.congested)
                except RemoteProtocolError as error:
                    broken = error
                group.cancel_scope.cancel()
        finally:
            HANDED.forget(self)
            with anyio.CancelScope(shield=True):
                await _close(self._own_engines.values())
        if broken or self._too_old:
            raise broken or RemoteProtocolError(
                "This connection has reached its limit", code=Code.CONNECTION_LIMIT
            )

    async def _grow_old(self, group: TaskGroup) -> None:
        """Ask the peer to leave in time; then take nothing new, let answers end, and end the connection."""
        await anyio.sleep(self._lifetime * EARLY)
        self.leave("the connection is getting old")
        await anyio.sleep(self._lifetime * (1 - EARLY))
        self._connection.expire()
        self._dirty.set()
        with anyio.move_on_after(GRACE):
            while self.busy:
                await anyio.sleep(WATCH / 10)
        self._too_old = True
        group.cancel_scope.cancel()

    def _greet(self, group: TaskGroup) -> None:
        if self._connection.spark:
            self._told = tuple(self._registry.infos())
            self._connection.hello(__version__, self._told, self._registry.serving())
            self._dirty.set()
            group.start_soon(keep_running, self._watch)

    def leave(self, reason: str) -> None:
        """Tell the peer that the gateway will end."""
        self._connection.goaway(reason)
        self._dirty.set()

    def statistics(self) -> tuple[int, int]:
        """Return how many responses run and how many wait."""
        return self._scheduler.statistics()

    @property
    def busy(self) -> bool:
        """Whether any response is not yet out."""
        return bool(self._requests) or self._connection.pending

    def _act(self, events: Iterable[ServerEvent], group: TaskGroup) -> None:
        for event in events:
            spoilt = partial(self._spoilt, event, group)
            call_guarded(self._act_on, event, group, on_failure=spoilt)
        if self._connection.pending:
            self._dirty.set()
            if self._connection.urgent:
                self._hurry.set()

    def _act_on(self, event: ServerEvent, group: TaskGroup) -> None:
        match event:
            case Asked(response, request):
                self._requests[response] = request
                self._follow(self._scheduler.submit(response, request), group)
            case Cancelled(response):
                self._follow(self._scheduler.withdraw(response), group)
            case Resumed(session, documents):
                self._connection.adopt(self._mirrors.find(session), documents)
            case Focused(focus):
                self._registry.observe(focus)
            case Configured():
                self._configure(event, group)

    def _spoilt(self, event: ServerEvent, group: TaskGroup, error: Exception) -> None:
        """Fail the response of a request that could not even be started."""
        if isinstance(event, Asked):
            self._abandon(event.response, group, error)

    def _abandon(self, response: str, group: TaskGroup, error: Exception) -> None:
        """End a response whose work failed unexpectedly; where even that fails, end the connection."""
        self._scopes.pop(response, None)
        self._requests.pop(response, None)
        failure = failure_of(self._abandon, error)
        end = partial(_cancel, group)
        told = call_guarded(self._connection.fail, response, failure.code, str(failure), on_failure=end)
        self._act(told or (), group)
        self._follow(self._scheduler.done(response), group)

    def _follow(self, decision: Decision, group: TaskGroup) -> None:
        for response in (*decision.stop, *decision.drop):
            self._pass_on(response, Finished("cancelled"), group)
            if scope := self._scopes.get(response):
                scope.cancel()
        for response in decision.drop:
            self._requests.pop(response, None)
        for response in decision.start:
            self._scopes[response] = anyio.CancelScope()
            self._give(response, group)

    def _give(self, response: str, group: TaskGroup) -> None:
        """Have a response served by a task that has nothing to do, or by one more."""
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():  # as the wait of a task is that was cancelled with the connection
                waiting.set_result(response)
                return
        abandon = partial(self._abandon, response, group)
        group.start_soon(partial(run_guarded, on_failure=abandon), self._work, response, group)

    async def _work(self, response: str, group: TaskGroup) -> None:
        """Serve one response after another: a new task for each would cost as much as a small answer."""
        while True:
            abandon = partial(self._abandon, response, group)
            await run_guarded(self._serve, response, group, on_failure=abandon)
            following = asyncio.get_running_loop().create_future()
            self._idle.append(following)
            response = await following

    async def _serve(self, response: str, group: TaskGroup) -> None:
        """Answer one request; whatever happens, the response ends and nothing is raised."""
        failure: EngineError | None = None
        with self._scopes[response]:
            try:
                await self._answer(response, self._requests[response], group)
            except Exception as error:
                failure = failure_of(self._answer, error)
        del self._scopes[response], self._requests[response]
        if failure is not None:
            self._act(self._connection.fail(response, failure.code, str(failure)), group)
        self._follow(self._scheduler.done(response), group)
        if failure is not None:  # what else changes in an engine, the watch will tell
            call_guarded(self._tell_status)

    async def _answer(self, response: str, request: Request, group: TaskGroup) -> None:
        who, outcome = _Who(), "cancelled"
        try:
            await self._passed(response, request, group, who)
            return
        except EngineError as error:
            outcome = error.code
            raise
        finally:
            self._tally.ended(who.engine, request, who.finished, outcome)

    async def _passed(self, response: str, request: Request, group: TaskGroup, who: "_Who") -> None:
        engine = self._registry.resolve(request)
        async with engine.open(request) as events:
            async for event in events:
                who.heard(event)
                self._pass_on(response, event, group)
                if isinstance(event, Chunk) and self._connection.urgent:
                    await _turns(TO_WRITE)
                if self._connection.full(response):
                    await self._while(lambda: self._connection.full(response))
        if who.finished is None:  # whoever waits must hear of it
            raise EngineError("The engine's answer broke off", "What came is not complete", "Try again")

    def _pass_on(self, response: str, event: Event, group: TaskGroup) -> None:
        self._act(self._connection.answer(response, event, time.time()), group)

    def _configure(self, event: Configured, group: TaskGroup) -> None:
        tables, problems = self._read(event.engines)
        given = {each.key_env for each in tables.values() if isinstance(each, OpenAISettings)}
        HANDED.take(self, event.keys, self._gateway_registry.key_variables() | given)
        settings = {n: each for n, each in tables.items() if not self._gateway_registry.has(n, each)}
        kept = {n: self._own_engines[n] for n, each in settings.items() if self._own_settings.get(n) == each}
        made, failed = self._built({n: each for n, each in settings.items() if n not in kept})
        stale = [engine for n, engine in self._own_engines.items() if n not in kept]
        self._own_settings, self._own_engines = settings, {**kept, **made}
        self._registry = self._gateway_registry.overlaid(self._own_engines, event.routes)
        problems = [*problems, *failed, *self._registry.unknown(event.routes)]
        self._problems = tuple(str(each) for each in problems)
        group.start_soon(_close, stale)
        self._tell_status(always=True)

    def _built(self, settings: Mapping[str, EngineSettings]) -> tuple[dict[str, Engine], list[Problem]]:
        """Build engines; one that fails is named, and the others are there."""
        made, problems = dict[str, Engine](), list[Problem]()
        for name, each in settings.items():
            engine: Engine | None = call_guarded(self._build, name, each, self._find)
            if engine is None:
                problems.append(Problem(f"engines.{name}", "editor", "it could not be built and is left out"))
            else:
                made[name] = engine
        return made, problems

    def _find(self, name: str) -> Engine | None:
        """Return the engine that has this name for this session, when it is asked for."""
        return self._registry.engine(name)

    def _read(self, tables: Mapping[str, Any]) -> tuple[dict[str, EngineSettings], list[Problem]]:
        engines, problems = dict[str, EngineSettings](), list[Problem]()
        for name, table in tables.items():
            engine, found = read_engine(name, table, "editor")
            problems += found
            if engine is not None:
                engines[name] = engine
        judged = call_guarded(self._approve, engines)
        if judged is None:  # what was not judged is not allowed
            return {}, [*problems, Problem("engines", "editor", "your approvals could not be read")]
        allowed, refused = judged
        return allowed, [*problems, *refused]

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(WATCH)
            self._tell_status()

    def _tell_status(self, *, always: bool = False) -> None:
        infos = tuple(self._registry.infos())
        if always or infos != self._told:
            self._told = infos
            self._connection.status(infos, self._problems, self._registry.serving())
            self._dirty.set()

    async def _write(self, send: Send, group: TaskGroup) -> None:
        with suppress(OSError):  # the peer is gone; the reader will hear of it too
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                if not self._connection.urgent:
                    await self._gather()
                while (message := self._connection.pop()) is not None:
                    await send(message)
                    self._tell_paused()
        group.cancel_scope.cancel()

    def _tell_paused(self) -> None:
        if self._paused:
            self._paused = False
            self._written.set()
            self._written = asyncio.Event()

    async def _while(self, blocked: Callable[[], bool]) -> None:
        """Pause while `blocked`, which only writing can end."""
        while blocked():
            self._paused = True
            await self._written.wait()

    async def _gather(self) -> None:
        """Let text wait for more text, unless something comes that should not wait."""
        self._hurry.clear()
        timer = asyncio.get_running_loop().call_later(FLUSH, self._hurry.set)
        await self._hurry.wait()
        timer.cancel()


Receive = Callable[[], Awaitable[str | bytes | None]]


@dataclass(slots=True)
class _Who:
    """Who answers a request, and how it ended, for the counts."""

    engine: str = "none"
    finished: Finished | None = None

    def heard(self, event: Event) -> None:
        if isinstance(event, Started):
            self.engine = event.engine
        elif isinstance(event, Finished):
            self.finished = event


async def _turns(count: int) -> None:
    """Let everything else that is ready run, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def _close(engines: Iterable[Engine]) -> None:
    for engine in engines:
        await close_engine(engine)


def _cancel(group: TaskGroup, _: Exception) -> None:
    """End a connection that cannot go on; its peer will make another one."""
    group.cancel_scope.cancel()
