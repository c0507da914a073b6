"""The embedded model as an engine: it starts its child when needed, and answers from what it has read.

    open ─▶ child running? ─no─▶ start it (never a download: a missing model is a reason, not a task)
      └──▶ local_job: window or chat prompt ─▶ POST /completion ─▶ Started, Chunk*, Finished

The child's death costs the requests it was answering. It is started again once by itself; if it dies
again within some minutes, the engine is off and says so. While the person rests, the window around
their cursor is read in advance; any real request ends that first.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx

from spark_lsp import config
from spark_lsp.codes import Code
from spark_lsp.engine.local import process as local_process
from spark_lsp.engine.local.job import Job, job_of, reading_of
from spark_lsp.engine.local.process import ModelProcess
from spark_lsp.engine.local.slots import Slots
from spark_lsp.engine.local.stream import End, Reading, StreamEvent, Text, broken_off, events
from spark_lsp.engine.local.tally import Clock, Tally
from spark_lsp.errors import EngineError, ModelError
from spark_lsp.models import paths, registry
from spark_lsp.privacy.approvals import model_path
from spark_lsp.request import (
    Chunk,
    EngineInfo,
    Event,
    Finished,
    Focus,
    PartKind,
    Request,
    Started,
    Task,
)
from spark_lsp.supervise import log_failure

CONTEXT_TOKENS = 8192
_REST_S = 0.5
_WORTH_READING_S = 0.05
_FORGIVEN_S = 600.0  # a second death within this time puts the engine off
_RETRY_S = 10.0  # how long a failed start is remembered before it is tried again
_CLOSE_S = 1.0
_T = TypeVar("_T")


class LocalEngine:
    """The engine of `kind = "local"`; see `engine.base.Engine`."""

    def __init__(self, name: str, settings: config.LocalSettings) -> None:
        self._name = name
        self._model, self._wrong_name = _model_of(settings.model)
        self._file = _file_of(settings.model, self._model)
        self._slots = Slots(self._model.family)
        self._child: ModelProcess | None = None
        self._starting: asyncio.Task[ModelProcess] | None = None
        self._prefill: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: tuple[EngineError, float] | None = None  # why it is off, and until when
        self._died_at = -_FORGIVEN_S
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        """State and reason; a model that is not on this machine is `off`, with what to do."""
        why = self._why_off()
        ready = self._child is not None and self._child.alive
        return EngineInfo(
            name=self._name,
            kind="local",
            model=self._model.name,
            context_tokens=CONTEXT_TOKENS,
            prefill_tokens_per_s=round(self._slots.pace.tokens_per_s, 1),
            state="ready" if ready else "off" if why else "starting",
            reason="" if ready else str(why) if why else "The embedded model is loaded when first needed",
            code="" if ready else why.code if why else Code.MODEL_NOT_LOADED,
        )

    async def start(self) -> None:
        """Load the model now; raises `EngineError` if it cannot be."""
        await self._ready()

    @contextlib.asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        """Answer `request`; see `engine.base`."""
        asked = time.perf_counter()
        self._stop_prefill()
        job, response = await self._posted(request)
        stream = self._answer(job, response, Clock(asked))
        try:
            yield stream
        finally:
            await _closed(stream, response)
            self._after(request)

    async def _posted(self, request: Request) -> tuple[Job, httpx.Response]:
        """Ask the child; if it turns out to be dying just now, ask the one that follows it."""
        child = await self._ready()
        try:
            return await self._post(child, request)
        except httpx.HTTPError as error:
            with anyio.move_on_after(_CLOSE_S):
                await child.ended()
            if child.alive:
                raise broken_off() from error
        self._mourn(child)
        try:
            return await self._post(await self._ready(), request)
        except httpx.HTTPError as error:
            raise broken_off() from error

    async def _post(self, child: ModelProcess, request: Request) -> tuple[Job, httpx.Response]:
        job = job_of(request, self._slots)
        if job.plan:
            self._slots.asked(job.plan)
        return job, await _post(child, job.body)

    def observe(self, focus: Focus) -> None:
        """Read the window around the cursor once it has rested; a later hint takes its place."""
        self._read_ahead(focus.text[: focus.offset], focus.text[focus.offset :])

    async def idle(self) -> None:
        """Wait until what is read at rest has been read; for measurements and tests."""
        while self._prefill and not self._prefill.done():
            await asyncio.wait([self._prefill])

    async def busy(self) -> bool:
        """Return whether the model is working on anything; for measurements and tests."""
        child = await self._ready()
        return any(slot["is_processing"] for slot in (await child.client.get("/slots")).json())

    async def aclose(self) -> None:
        """End the child and everything under way."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._child:
                await self._child.aclose()

    async def _answer(self, job: Job, response: httpx.Response, clock: Clock) -> AsyncGenerator[Event, None]:
        yield Started(self._name, self._model.name, job.format)
        tally = Tally()
        async with contextlib.aclosing(events(response)) as stream:
            async for event in stream:
                clock.saw(event)
                tally.saw(event)
                self._note(job, event, tally)
                shown = job.reply.feed(event.text) if isinstance(event, Text) else ""
                if shown:
                    yield Chunk(shown.replace("\n", job.eol))
                if job.reply.done or isinstance(event, End):
                    break
        if rest := job.reply.finish():
            yield Chunk(rest.replace("\n", job.eol))
        yield Finished("length" if tally.cut else "stop", tally.usage, clock.timing)

    def _note(self, job: Job, event: StreamEvent, tally: Tally) -> None:
        """Keep what is known of the slot's cache and of the engine's pace up to date."""
        if job.plan and isinstance(event, Text):
            self._slots.answered(job.plan, tally.text)
        elif isinstance(event, Reading):
            if job.plan:
                self._slots.read(job.plan, event.done, event.total)
            self._measure(job.prompt, event)

    def _measure(self, prompt: str, reading: Reading) -> None:
        if reading.done == reading.total:
            read = reading.total - reading.cached
            self._slots.measured(len(prompt), reading.total, read, reading.seconds)

    def _after(self, request: Request) -> None:
        """Where a completion was asked the next one will be, so read around it at rest."""
        if request.task is Task.COMPLETE:
            self._read_ahead(request.text_of(PartKind.PREFIX), request.text_of(PartKind.SUFFIX))

    def _read_ahead(self, prefix: str, suffix: str) -> None:
        self._stop_prefill()
        if not self._closed and not self._why_off():
            self._prefill = self._spawn(self._read_at_rest(prefix, suffix))

    async def _read_at_rest(self, prefix: str, suffix: str) -> None:
        await anyio.sleep(_REST_S)
        with contextlib.suppress(EngineError, httpx.HTTPError):
            child = await self._ready()
            plan = self._slots.plan_at_rest(prefix, suffix)
            if plan.reading_s < _WORTH_READING_S:
                return
            self._slots.asked(plan)
            response = await _post(child, reading_of(plan))
            stream = events(response)
            try:
                async for event in stream:
                    if isinstance(event, Reading):
                        self._slots.read(plan, event.done, event.total)
                        self._measure(plan.prompt, event)
            finally:
                await _closed(stream, response)

    def _stop_prefill(self) -> None:
        if self._prefill:
            self._prefill.cancel()
            self._prefill = None

    async def _ready(self) -> ModelProcess:
        """Return the running child, starting it first if need be.

        The start is a task of its own: a request that is cancelled meanwhile must not undo it.
        """
        if self._child and self._child.alive:
            return self._child
        if why := self._why_off():
            raise why
        if self._starting is None or self._starting.done():
            self._starting = self._spawn(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> ModelProcess:
        try:
            if self._model.sha256 and not await anyio.to_thread.run_sync(paths.verify, self._model):
                raise _missing(self._model, "is damaged")
            child = await self._child_started()
        except EngineError as error:
            self._failure = (error, time.monotonic() + _RETRY_S)
            raise
        self._slots = Slots(self._model.family, self._slots.pace)
        self._child = child
        self._spawn(self._watch(child))
        return child

    async def _child_started(self) -> ModelProcess:
        """Start a child; one that dies while it starts is started once more, as later ones are."""
        try:
            return await local_process.start(self._file, CONTEXT_TOKENS)
        except local_process.Died:
            if self._closed or not self._forgiven():
                raise
        return await local_process.start(self._file, CONTEXT_TOKENS)

    def _forgiven(self) -> bool:
        """Note a death; True if it is the first within some minutes."""
        now, before = time.monotonic(), self._died_at
        self._died_at = now
        return now - before >= _FORGIVEN_S

    async def _watch(self, child: ModelProcess) -> None:
        """Wait for the child's death and start it again, once."""
        await child.ended()
        if self._closed:
            return
        await child.aclose()
        self._mourn(child)
        with contextlib.suppress(EngineError):
            await self._ready()

    def _mourn(self, child: ModelProcess) -> None:
        """Note once that the child has died."""
        if self._child is not child:
            return
        self._child = None
        if not self._forgiven():
            self._failure = (_died_again(), time.monotonic() + _FORGIVEN_S)

    def _why_off(self) -> EngineError | None:
        if self._closed:
            return EngineError("The embedded engine has been stopped", code=Code.ENGINE_UNAVAILABLE)
        if self._wrong_name:
            return self._wrong_name
        if self._failure and time.monotonic() < self._failure[1]:
            return self._failure[0]
        there = paths.looks_present(self._model) if self._model.sha256 else self._file.is_file()
        return None if there else _missing(self._model, "is not on this machine")

    def _spawn(self, work: "Coroutine[Any, Any, _T]") -> "asyncio.Task[_T]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_retrieve)
        return task


def _model_of(name: str) -> tuple[registry.Model, EngineError | None]:
    """Return the model of a setting; for a name nobody knows, one that says so."""
    if model_path(name):
        return registry.from_file(Path(name)), None
    try:
        return registry.find(name), None
    except ModelError as error:
        unknown = EngineError(error.what, error.meaning, error.remedy, code=Code.MODEL_NOT_FOUND)
        return registry.find(registry.AUTO), unknown


def _file_of(name: str, model: registry.Model) -> Path:
    return Path(name).expanduser() if model_path(name) else paths.file_of(model)


def _missing(model: registry.Model, how: str) -> EngineError:
    if not model.sha256:
        return EngineError(
            f"The model file {model.file} {how}",
            "The embedded engine cannot answer",
            "Correct its path in the settings",
            code=Code.MODEL_UNAVAILABLE,
        )
    name = "" if registry.AUTO in model.aliases else f" {model.name}"
    return EngineError(
        f"The model {model.summary} {how}",
        "The embedded engine cannot answer until it is fetched, once",
        f"Run: spark-lsp model pull{name}",
        code=Code.MODEL_UNAVAILABLE,
    )


def _died_again() -> EngineError:
    return EngineError(
        "The embedded model's process ended twice within a few minutes",
        "The embedded engine is off for ten minutes; other engines still work",
        "The usual cause is too little memory: close something, or choose a smaller model "
        "(spark-lsp model list)",
        code=Code.ENGINE_UNAVAILABLE,
    )


async def _post(child: ModelProcess, body: dict[str, Any]) -> httpx.Response:
    return await child.client.send(child.client.build_request("POST", "/completion", json=body), stream=True)


async def _closed(stream: AsyncGenerator[Any, None], response: httpx.Response) -> None:
    """Close an answer's stream, which is what cancels it; never raises, never waits long."""
    with anyio.move_on_after(_CLOSE_S, shield=True), contextlib.suppress(Exception):
        await stream.aclose()
        await response.aclose()


def _retrieve(task: "asyncio.Task[Any]") -> None:
    """Look at a task's end: an engine's failure was reported to who asked, any other one is logged."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, EngineError):
        log_failure(task.get_coro(), error)
