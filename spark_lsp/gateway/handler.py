"""One connection and its engines: one reader, one writer, and a task for each response in progress.

The reader never waits for an engine. The failure of one response is sent on its own lane and does not affect
the others. The end of the connection cancels all its responses, which stops their engines.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import anyio

from spark_lsp import __version__
from spark_lsp.answer_events import Finished
from spark_lsp.codes import Code
from spark_lsp.engine.guard import failure_of
from spark_lsp.engine.metered.budgets import Budgets
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.gateway.admission import Admission
from spark_lsp.gateway.instant_drafts import InstantDrafts
from spark_lsp.gateway.lifetime import LIFETIME_S, limit_lifetime
from spark_lsp.gateway.metrics import Metrics, name_task
from spark_lsp.gateway.registry import BuildEngine, Registry
from spark_lsp.gateway.replica_cache import ReplicaCache
from spark_lsp.gateway.response_task import ResponseTask
from spark_lsp.gateway.scheduler import Decision, Scheduler
from spark_lsp.gateway.session_engines import Approve, SessionEngines, close_engines
from spark_lsp.gateway.writer import ConnectionWriter, SendMessage
from spark_lsp.supervise import call_guarded, run_guarded
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import (
    CursorRested,
    ReplicasResumed,
    RequestCancelled,
    RequestReceived,
    ServerEvent,
    SettingsReceived,
)

if TYPE_CHECKING:
    from spark_lsp.request import EngineInfo

ReceiveMessage = Callable[[], Awaitable[str | bytes | None]]


class ConnectionHandler:
    """See the module's text."""

    def __init__(
        self,
        connection: ServerConnection,
        registry: Registry,
        build: BuildEngine,
        approve: Approve,
        replicas: ReplicaCache,
        lifetime_s: float = LIFETIME_S,
        metrics: Metrics | None = None,
        budgets: Budgets | None = None,
        admission: Admission | None = None,
        user: str = "",
    ) -> None:
        self.user = user
        self._connection = connection
        self._writer = ConnectionWriter(connection)
        self._drafts = InstantDrafts(connection, self._writer)
        self._engines = SessionEngines(registry, build, approve, budgets)
        self._replicas = replicas
        self._lifetime_s = lifetime_s
        self._metrics = metrics or Metrics()
        self._admission = admission or Admission()
        self._scheduler = Scheduler()
        self._tasks: dict[str, ResponseTask] = {}  # by response: running and waiting ones
        self._idle_workers: list[asyncio.Future[ResponseTask]] = []
        self._sent_infos: tuple[EngineInfo, ...] = ()  # the engines' state that the peer knows
        self._unsubscribe: Callable[[], None] = lambda: None
        self._is_too_old = False
        self._is_greeted = False
        self._reason_to_end = ""  # an end that was announced before the greeting
        self._group = anyio.create_task_group()

    @property
    def is_busy(self) -> bool:
        """Whether a response is not completely written."""
        return bool(self._tasks) or bool(self._connection.queue)

    def statistics(self) -> tuple[int, int]:
        """Return the number of running and of waiting responses."""
        return self._scheduler.statistics()

    def list_streams(self) -> Iterator[tuple[str, str, float]]:
        """Return engine, task and start (Unix time) of each response in progress."""
        for task in self._tasks.values():
            yield task.engine_name, name_task(task.request), task.since

    def announce_end(self, reason: str) -> None:
        """Tell the peer, after its greeting, that the gateway will close this connection."""
        if not self._is_greeted:
            self._reason_to_end = reason
            return
        self._connection.announce_end(reason)
        self._writer.wake()

    # The connection.

    async def run(self, receive: ReceiveMessage, send: SendMessage) -> None:
        """Serve until the peer is gone. Raises `RemoteProtocolError` if the connection must be closed."""
        protocol_error: RemoteProtocolError | None = None
        try:
            async with self._group:
                self._group.start_soon(partial(run_guarded, on_failure=self._end), self._write, send)
                self._group.start_soon(run_guarded, self._end_when_too_old)
                self._greet()
                try:
                    await self._read(receive)
                except RemoteProtocolError as error:
                    protocol_error = error
                self._end()
        finally:
            self._unsubscribe()
            self._drafts.close()
            with anyio.CancelScope(shield=True):
                await self._engines.aclose()
        if protocol_error is not None:
            raise protocol_error
        if self._is_too_old:
            raise RemoteProtocolError("This connection has reached its limit", code=Code.CONNECTION_LIMIT)

    def end(self) -> None:
        """End the connection, without notice."""
        self._end()

    def _end(self, _: Exception | None = None) -> None:
        """End the connection. After a failure, its peer opens another one."""
        self._group.cancel_scope.cancel()

    async def _read(self, receive: ReceiveMessage) -> None:
        queue = self._connection.queue
        while (message := await receive()) is not None:
            self._handle(self._connection.receive(message, time.time()))
            call_guarded(self._drafts.follow_replicas)
            if queue.is_congested:
                await self._writer.wait_while(lambda: queue.is_congested)

    async def _write(self, send: SendMessage) -> None:
        await self._writer.run(send)
        self._end()

    async def _end_when_too_old(self) -> None:
        await limit_lifetime(self._lifetime_s, self._connection, self._writer, lambda: self.is_busy)
        self._is_too_old = True
        self._end()

    def _greet(self) -> None:
        if not self._connection.spark:
            return
        registry = self._engines.registry
        self._sent_infos = tuple(registry.infos())
        self._connection.greet(__version__, self._sent_infos, registry.serving())
        self._is_greeted = True
        if self._reason_to_end:
            self._connection.announce_end(self._reason_to_end)
        self._writer.wake()
        self._unsubscribe = registry.subscribe(self._report_status)

    # Events of the connection.

    def _handle(self, events: Iterable[ServerEvent]) -> None:
        """Act on events, and on the events that follow from them."""
        pending = deque(events)
        while pending:
            event = pending.popleft()
            abandon = partial(self._abandon_request, event)
            following = call_guarded(self._handle_event, event, on_failure=abandon)
            pending.extend(following or ())
        self._writer.wake()

    def _handle_event(self, event: ServerEvent) -> list[ServerEvent]:
        """Act on one event; return the events that follow from it."""
        match event:
            case RequestReceived(response, request):
                self._tasks[response] = ResponseTask(
                    response, request, self._connection, self._writer, self._metrics, self._handle
                )
                self._drafts.plan_draft(response, request)
                return self._apply(self._scheduler.submit(response, request))
            case RequestCancelled(response):
                return self._apply(self._scheduler.withdraw(response))
            case ReplicasResumed(session, documents):
                self._connection.documents.adopt_replicas(self._replicas.find(session), documents)
            case CursorRested(focus):
                self._engines.registry.observe(focus)
            case SettingsReceived():
                self._configure(event)
        return []

    def _apply(self, decision: Decision) -> list[ServerEvent]:
        """Start, stop and drop responses; return the requests that follow on their lanes."""
        following: list[ServerEvent] = []
        for response in (*decision.stop, *decision.drop):
            cancelled = Finished("cancelled")
            following += self._connection.write_event(response, cancelled, time.time())
        for response in decision.stop:
            if task := self._tasks.get(response):
                task.cancel()
        for response in decision.drop:
            self._tasks.pop(response, None)
        for response in decision.start:
            self._start(self._tasks[response])
        return following

    def _abandon_request(self, event: ServerEvent, error: Exception) -> None:
        """Fail a request that could not be started."""
        if isinstance(event, RequestReceived):
            self._abandon(event.response, error)

    def _abandon(self, response: str, error: Exception) -> None:
        """End a response whose work failed unexpectedly; if that fails too, end the connection."""
        self._tasks.pop(response, None)
        failure = failure_of(self._abandon, error)
        events = call_guarded(
            self._connection.fail, response, failure.code, str(failure), on_failure=self._end
        )
        following: list[ServerEvent] = [*(events or ()), *self._apply(self._scheduler.done(response))]
        self._handle(following)

    # Responses.

    def _start(self, task: ResponseTask) -> None:
        """Give a response to an idle worker, or to a new one."""
        while self._idle_workers:
            waiting = self._idle_workers.pop()
            if not waiting.done():  # the worker may have been cancelled with the connection
                waiting.set_result(task)
                return
        abandon = partial(self._abandon, task.response)
        self._group.start_soon(partial(run_guarded, on_failure=abandon), self._work, task)

    async def _work(self, task: ResponseTask) -> None:
        """Run one response after another: a new task for each would cost as much as a small answer."""
        while True:
            abandon = partial(self._abandon, task.response)
            await run_guarded(self._run_task, task, on_failure=abandon)
            waiting: asyncio.Future[ResponseTask] = asyncio.get_running_loop().create_future()
            self._idle_workers.append(waiting)
            task = await waiting

    async def _run_task(self, task: ResponseTask) -> None:
        failure = await task.run(self._engines.registry.resolve, self._admission, self.user)
        self._tasks.pop(task.response, None)
        if following := self._apply(self._scheduler.done(task.response)):
            self._handle(following)
        if failure is not None:  # at once: the engine's state explains the failure
            call_guarded(self._report_status)

    # Settings and status.

    def _configure(self, received: SettingsReceived) -> None:
        self._drafts.set_enabled(received.drafts)
        stale = self._engines.configure(received)
        self._group.start_soon(close_engines, stale)
        self._unsubscribe()
        self._unsubscribe = self._engines.registry.subscribe(self._report_status)
        self._report_status(always=True)

    def _report_status(self, *, always: bool = False) -> None:
        """Send the engines' state, if it has changed."""
        registry = self._engines.registry
        infos = tuple(registry.infos())
        if always or infos != self._sent_infos:
            self._sent_infos = infos
            self._connection.report_status(infos, self._engines.problems, registry.serving())
            self._writer.wake()
