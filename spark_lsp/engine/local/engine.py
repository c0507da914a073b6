"""The embedded model as an engine: it starts its child process when needed, and keeps its prompt cache warm.

    open ─▶ child running? ─no─▶ start it (never a download: a missing model is a reason, not a task)
      └──▶ local_job: window or chat prompt ─▶ POST /completion ─▶ Started, Chunk*, Finished

If the child dies, the requests that it was answering fail. The engine restarts it once; if it dies again
within ten minutes, the engine is off and reports that. While the user pauses, the model reads the window
around the cursor in advance; a request stops that first.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
import httpx
from msgspec import UNSET

from spark_lsp import config
from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.engine.local import process as local_process
from spark_lsp.engine.local.documents import DocumentSwitch
from spark_lsp.engine.local.job import Job, job_of, reading_of
from spark_lsp.engine.local.obstacles import died_again, find_file, find_model, missing_model
from spark_lsp.engine.local.process import ModelProcess
from spark_lsp.engine.local.read_ahead import ReadAhead
from spark_lsp.engine.local.slots import Plan, Slots
from spark_lsp.engine.local.stream import (
    CLOSE_S,
    End,
    Reading,
    StreamEvent,
    Text,
    close_stream,
    process_died,
    read_events,
)
from spark_lsp.engine.local.tally import Clock, Tally
from spark_lsp.errors import EngineError
from spark_lsp.models import paths
from spark_lsp.request import EngineInfo, Focus, PartKind, Request, Task
from spark_lsp.supervise import log_failure

CONTEXT_TOKENS = 8192
_FORGIVEN_S = 600.0  # a second death within this time puts the engine off
_RETRY_S = 10.0  # how long a failed start is remembered before it is tried again
_T = TypeVar("_T")


class LocalEngine:
    """The engine of `kind = "local"`; see `engine.base.Engine`. With `drafts`, its child drafts answers."""

    def __init__(self, name: str, settings: config.LocalSettings, *, drafts: bool = False) -> None:
        self._name = name
        self._wants_drafts = drafts
        self._model, self._wrong_name = find_model(settings.model)
        self._file = find_file(settings.model, self._model)
        self._slots = Slots(self._model.family, beside_tokens=settings.beside_tokens)
        self._child: ModelProcess | None = None
        self._starting: asyncio.Task[ModelProcess] | None = None
        self._documents = DocumentSwitch(self._slots)
        self._read_ahead = ReadAhead(self._slots, self._enter, self._read, self._spawn)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: tuple[EngineError, float] | None = None  # why it is off, and until when
        self._died_at = -_FORGIVEN_S
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        """State and reason; a model that is not on this machine is `off`, with what to do."""
        obstacle = self._find_obstacle()
        state: Literal["ready", "starting", "off"] = "starting"
        reason = "The embedded model is loaded at the first request"
        code = Code.MODEL_NOT_LOADED
        if self._child is not None and self._child.alive:
            state = "ready"
        elif obstacle is not None:
            state = "off"
            code = obstacle.code
        if state != "starting":
            reason = str(obstacle) if state == "off" else ""
        return EngineInfo(
            name=self._name,
            kind="local",
            model=self._model.name,
            context_tokens=CONTEXT_TOKENS,
            prefill_tokens_per_s=round(self._slots.pace.tokens_per_s, 1),
            beside_budget=self._slots.beside_tokens or UNSET,
            state=state,
            reason=reason,
            code="" if state == "ready" else code,
            free=True,
        )

    async def start(self) -> bool:
        """Load the model now; return whether it drafts. Raises `EngineError` if it cannot be loaded."""
        return (await self._ensure_child()).drafts

    def stop_reading(self) -> None:
        """Stop reading ahead, until the next completion or rest."""
        self._read_ahead.stop()

    async def unload(self) -> None:
        """End the child; the next request starts another one."""
        child, self._child = self._child, None
        if child is not None:
            await child.aclose()

    @contextlib.asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        """Answer `request`; see `engine.base`."""
        asked = time.perf_counter()
        self._read_ahead.stop()
        job, response = await self._send_to_live_child(request)
        stream = self._answer(job, response, Clock(asked))
        try:
            yield stream
        finally:
            await close_stream(stream, response)
            self._read_ahead_after(request)

    async def _send_to_live_child(self, request: Request) -> tuple[Job, httpx.Response]:
        """Send the request to the child; if that child is dying, send it to its successor."""
        child = await self._ensure_child()
        try:
            return await self._post(child, request)
        except httpx.HTTPError as error:
            with anyio.move_on_after(CLOSE_S):
                await child.wait_for_end()
            if child.alive:
                raise process_died() from error
        self._record_death(child)
        try:
            return await self._post(await self._ensure_child(), request)
        except httpx.HTTPError as error:
            raise process_died() from error

    async def _post(self, child: ModelProcess, request: Request) -> tuple[Job, httpx.Response]:
        if request.task is Task.COMPLETE:
            await self._documents.switch(child, request.origin)
        job = job_of(request, self._slots)
        if job.plan:
            self._slots.record_prompt(job.plan)
        return job, await child.post(job.body)

    def observe(self, focus: Focus) -> None:
        """Read the windows around the cursor after a rest; a later hint replaces this one.

        At the start of a document, only load the model: the cursor's true position is not known yet.
        """
        if not focus.offset:
            if not self._closed and not self._find_obstacle():
                self._spawn(self._ensure_child())
            return
        self._restart_reading(focus.uri, focus.text[: focus.offset], focus.text[focus.offset :])

    async def idle(self) -> None:
        """Wait until reading in advance has ended; for measurements and tests."""
        await self._read_ahead.wait_until_idle()

    async def busy(self) -> bool:
        """Return whether the model is working on anything; for measurements and tests."""
        child = await self._ensure_child()
        return any(slot["is_processing"] for slot in (await child.client.get("/slots")).json())

    async def aclose(self) -> None:
        """End the child and all tasks."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._child:
                await self._child.aclose()

    async def _answer(self, job: Job, response: httpx.Response, clock: Clock) -> AsyncGenerator[Event, None]:
        """Give the events of the answer. If it is empty where code must follow, ask once more."""
        yield Started(self._name, self._model.name, job.format)
        tally = Tally(healed=job.healed)
        held = ""  # white space at the beginning: an answer of white space alone is empty
        is_empty = True
        async for text in self._read_text(job, response, clock, tally):
            held += text
            if not is_empty or held.strip():
                yield Chunk(held, tally.confidence.value)
                held = ""
                is_empty = False
        if is_empty and job.is_end_wrong:
            again = job.insist()
            async with self._open_again(again) as second:
                async for text in self._read_text(again, second, clock, tally):
                    yield Chunk(text, tally.confidence.value)
        yield Finished("length" if tally.cut else "stop", tally.usage, clock.timing)

    async def _read_text(
        self, job: Job, response: httpx.Response, clock: Clock, tally: Tally
    ) -> AsyncGenerator[str, None]:
        """Give the text of one call that belongs at the cursor, with the document's line ends."""
        tally.begin_call()
        async with contextlib.aclosing(read_events(response)) as stream:
            async for event in stream:
                clock.count_event(event)
                tally.count_event(event)
                self._update_slot(job, event, tally)
                shown = job.reply.feed(event.text) if isinstance(event, Text) else ""
                if shown:
                    yield shown.replace("\n", job.eol)
                if job.reply.done or isinstance(event, End):
                    break
        if rest := job.reply.finish():
            yield rest.replace("\n", job.eol)

    @contextlib.asynccontextmanager
    async def _open_again(self, job: Job) -> AsyncGenerator[httpx.Response, None]:
        """Send a second call for the same request. Raises `EngineError` if the child has died."""
        try:
            response = await (await self._ensure_child()).post(job.body)
        except httpx.HTTPError as error:
            raise process_died() from error
        try:
            yield response
        finally:
            await close_stream(response)

    def _update_slot(self, job: Job, event: StreamEvent, tally: Tally) -> None:
        """Update the contents of the slot's cache and the measured pace."""
        if job.plan and isinstance(event, Text):
            self._slots.record_answer(job.plan, tally.text)
        elif isinstance(event, Reading):
            if job.plan:
                self._slots.read(job.plan, event.done, event.total)
            self._measure(job.prompt, event)

    def _measure(self, prompt: str, reading: Reading) -> None:
        if reading.done == reading.total:
            read = reading.total - reading.cached
            self._slots.record_pace(len(prompt), reading.total, read, reading.seconds)

    def _read_ahead_after(self, request: Request) -> None:
        """Read around the completion's position at rest: the next request will be near it."""
        if request.task is Task.COMPLETE:
            prefix, suffix = request.text_of(PartKind.PREFIX), request.text_of(PartKind.SUFFIX)
            self._restart_reading(request.origin, prefix, suffix)

    def _restart_reading(self, document: str, prefix: str, suffix: str) -> None:
        if self._closed or self._find_obstacle():
            self._read_ahead.stop()
        else:
            self._read_ahead.restart(document, prefix, suffix)

    async def _enter(self, document: str) -> None:
        await self._documents.switch(await self._ensure_child(), document)

    async def _read(self, plan: Plan) -> None:
        """Have the model read a prompt without answering it."""
        child = await self._ensure_child()
        self._slots.record_prompt(plan)
        response = await child.post(reading_of(plan))
        stream = read_events(response)
        try:
            async for event in stream:
                if isinstance(event, Reading):
                    self._slots.read(plan, event.done, event.total)
                    self._measure(plan.prompt, event)
        finally:
            await close_stream(stream, response)

    async def _ensure_child(self) -> ModelProcess:
        """Return the running child, starting it first if need be.

        The start is a separate task, so that cancelling a request during it does not stop it.
        """
        if self._child and self._child.alive:
            return self._child
        if why := self._find_obstacle():
            raise why
        if self._starting is None or self._starting.done():
            self._starting = self._spawn(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> ModelProcess:
        try:
            if self._model.sha256 and not await anyio.to_thread.run_sync(paths.verify, self._model):
                raise missing_model(self._model, "is damaged")
            child = await self._start_child()
        except EngineError as error:
            self._failure = (error, time.monotonic() + _RETRY_S)
            raise
        self._documents.forget_all()
        self._child = child
        self._spawn(self._watch(child))
        return child

    async def _start_child(self) -> ModelProcess:
        """Start a child; start it once more if it dies during its start."""
        try:
            return await local_process.start(self._file, CONTEXT_TOKENS, drafts=self._wants_drafts)
        except local_process.Died:
            if self._closed or not self._is_first_death():
                raise
        return await local_process.start(self._file, CONTEXT_TOKENS, drafts=self._wants_drafts)

    def _is_first_death(self) -> bool:
        """Record a death. Return True if it is the first within `_FORGIVEN_S`."""
        now = time.monotonic()
        before = self._died_at
        self._died_at = now
        return now - before >= _FORGIVEN_S

    async def _watch(self, child: ModelProcess) -> None:
        """Wait for the child's death and start it again, once; not if it was unloaded or replaced."""
        await child.wait_for_end()
        if self._closed:
            return
        await child.aclose()
        if child is not self._child:
            return
        self._record_death(child)
        with contextlib.suppress(EngineError):
            await self._ensure_child()

    def _record_death(self, child: ModelProcess) -> None:
        """Record the child's death, once."""
        if self._child is not child:
            return
        self._child = None
        if not self._is_first_death():
            self._failure = (died_again(), time.monotonic() + _FORGIVEN_S)

    def _find_obstacle(self) -> EngineError | None:
        if self._closed:
            return EngineError("The embedded engine was stopped", code=Code.ENGINE_UNAVAILABLE)
        if self._wrong_name:
            return self._wrong_name
        if self._failure and time.monotonic() < self._failure[1]:
            return self._failure[0]
        there = paths.looks_present(self._model) if self._model.sha256 else self._file.is_file()
        return None if there else missing_model(self._model, "is not on this machine")

    def _spawn(self, work: "Coroutine[Any, Any, _T]") -> "asyncio.Task[_T]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_retrieve_exception)
        return task


def _retrieve_exception(task: "asyncio.Task[Any]") -> None:
    """Retrieve a task's exception: callers have got an `EngineError`; log any other one."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, EngineError):
        log_failure(task.get_coro(), error)
