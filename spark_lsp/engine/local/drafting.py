"""An embedded model that drafts the answers to edits from their prompts.

An answer to an edit repeats most of its target, so llama.cpp can draft it from the prompt and have the model
check many tokens at once. Completions do not gain by that: in eight completions the model kept 118 of
237 drafted tokens, decoding took 80 s in place of 55 s on a busy machine, and one text was different.
llama.cpp can draft for all requests of a process or for none. Edits and questions therefore have a second
process of the same model. It starts at the first edit, if the machine has the memory for it, and ends when no
edit has come for some minutes. Without it, the process of completions answers edits too, more slowly.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from spark_lsp import config
from spark_lsp.answer_events import Event
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.engine.local.obstacles import find_model
from spark_lsp.errors import EngineError
from spark_lsp.models import memory
from spark_lsp.models.registry import Model
from spark_lsp.request import EngineInfo, Focus, Request, Task
from spark_lsp.supervise import run_guarded

IDLE_S = 300.0  # after which the memory of the second process is freed


class DraftingModel:
    """One embedded model in one or two processes; see the module's text and `engine.base.Engine`."""

    def __init__(
        self, model: Model, plain: LocalEngine, drafter: LocalEngine, idle_s: float = IDLE_S
    ) -> None:
        self._model = model
        self._plain = plain
        self._drafter = drafter
        self._idle_s = idle_s
        self._can_draft = True  # as far as is known
        self._edits = 0  # under way at the drafter
        self._timer: asyncio.TimerHandle | None = None
        self._unloading: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, name: str, settings: config.LocalSettings) -> "DraftingModel":
        """Return the engine for these settings; neither process is started."""
        model, _ = find_model(settings.model)
        return cls(model, LocalEngine(name, settings), LocalEngine(name, settings, drafts=True))

    @property
    def info(self) -> EngineInfo:
        """The state of the process for completions; ready also if only the other one runs."""
        info = self._plain.info
        if info.state == "starting" and self._drafter.info.state == "ready":
            return replace(info, state="ready", reason="", code="")
        return info

    async def start(self) -> None:
        """Load the model for completions now. Raises `EngineError` if it cannot be loaded."""
        await self._plain.start()

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer `request`; see `engine.base`."""
        return self._plain.open(request) if request.task is Task.COMPLETE else self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self._plain.stop_reading()  # it would compete for the processor
        self._begin_edit()
        try:
            engine = self._drafter if await self._starts_drafter() else self._plain
            async with engine.open(request) as events:
                yield events
        finally:
            self._end_edit()

    async def _starts_drafter(self) -> bool:
        """Start the second process if need be; return whether it is there and drafts."""
        runs = self._drafter.info.state == "ready"
        if not self._can_draft or not (runs or memory.carries(self._model)):
            return False
        try:
            self._can_draft = await self._drafter.start()
        except EngineError:
            return False  # the other process says why, if it fails too
        if not self._can_draft:
            await self._drafter.unload()
        return self._can_draft

    def _begin_edit(self) -> None:
        self._edits += 1
        if self._timer is not None:
            self._timer.cancel()

    def _end_edit(self) -> None:
        self._edits -= 1
        if not self._edits:
            self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._unload)

    def _unload(self) -> None:
        self._unloading = asyncio.create_task(run_guarded(self._drafter.unload))

    def observe(self, focus: Focus) -> None:
        """Pass the hint to the process for completions."""
        self._plain.observe(focus)

    async def aclose(self) -> None:
        """End both processes."""
        if self._timer is not None:
            self._timer.cancel()
        if self._unloading is not None:
            await asyncio.wait([self._unloading])
        await self._drafter.aclose()
        await self._plain.aclose()
