"""`model = "auto"`: two embedded models behind one name.

Ghost text must come while the user pauses, which only the small model achieves on two slow cores. Edits
may take longer and should be correct: of 61 strict tasks the small model solved 18 % and damaged 18 %, the
larger one solved 54 % and damaged 3 %. Edits and questions therefore use the larger model, if the user has
downloaded it and the machine has enough memory. It is loaded at the first such request.

On a faster machine, the larger model completes too: `choice` decides by the measured pace. It is then loaded
in advance, and the small one completes until it is ready.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace

from spark_lsp.answer_events import Chunk, Event
from spark_lsp.engine.local.choice import ModelChoice
from spark_lsp.engine.local.drafting import DraftingModel
from spark_lsp.errors import EngineError
from spark_lsp.models import memory, registry
from spark_lsp.request import EngineInfo, Focus, Request, Task
from spark_lsp.supervise import run_guarded

LARGER = "qwen2.5-coder-1.5b"


class LocalPair:
    """Two embedded models behind one name; see `engine.base.Engine`. `now` returns seconds of any clock."""

    def __init__(
        self, small: DraftingModel, large: DraftingModel, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self._small = small
        self._large = large
        self._now = now
        self._choice = ModelChoice(registry.find(LARGER).size / registry.find(registry.AUTO).size)
        self._loading: asyncio.Task[None] | None = None
        self._focus: Focus | None = None

    @property
    def info(self) -> EngineInfo:
        """The model that completes, and why it does if both are on this machine."""
        info = self._model_for(Task.COMPLETE).info
        if self._large.info.state == "off" or self._small.info.state == "off":
            return info
        return replace(info, note=self._choice.explain(self._small.info.model, self._large.info.model))

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer from the model for this task."""
        return self._open(self._model_for(request.task), request)

    def _model_for(self, task: Task) -> DraftingModel:
        large = self._large.info.state
        if large == "off":
            return self._small
        if self._small.info.state == "off":
            return self._large
        if task is Task.COMPLETE:
            return self._large if self._choice.prefers_large and large == "ready" else self._small
        return self._large if self._fits_memory() else self._small

    def _fits_memory(self) -> bool:
        return self._large.info.state == "ready" or memory.carries(registry.find(LARGER))

    @asynccontextmanager
    async def _open(
        self, engine: DraftingModel, request: Request
    ) -> AsyncGenerator[AsyncIterator[Event], None]:
        """Open the answer and measure its pace, also if its reader leaves early."""
        chunks = _ChunkClock(self._now)
        async with engine.open(request) as events, aclosing(chunks.watch(events)) as watched:
            try:
                yield watched
            finally:
                pace = self._choice.large if engine is self._large else self._choice.small
                pace.include(chunks.count, chunks.last - chunks.first)
                if request.task is Task.COMPLETE:
                    self._judge()

    def _judge(self) -> None:
        if self._large.info.state == "off" or not self._fits_memory():
            return
        reads = self._small.info.prefill_tokens_per_s, self._large.info.prefill_tokens_per_s
        if self._choice.judge(*reads) and self._choice.prefers_large:
            self._loading = asyncio.create_task(run_guarded(self._load_large))

    async def _load_large(self) -> None:
        """Load the larger model and let it read around the cursor, before it gets the first key."""
        try:
            await self._large.start()
        except EngineError:
            return  # its state says why; the small model goes on
        if self._focus is not None:
            self._large.observe(self._focus)

    def observe(self, focus: Focus) -> None:
        """Pass the hint to the model for completions."""
        self._focus = focus
        self._model_for(Task.COMPLETE).observe(focus)

    async def aclose(self) -> None:
        """End both models."""
        if self._loading is not None:
            self._loading.cancel()
        await self._small.aclose()
        await self._large.aclose()


class _ChunkClock:
    """The number of an answer's chunks, and the times of the first and the last one, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.count = 0
        self.first = 0.0
        self.last = 0.0

    async def watch(self, events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
        """Give the events."""
        async for event in events:
            if isinstance(event, Chunk):
                self.last = self._now()
                self.first = self.first if self.count else self.last
                self.count += 1
            yield event
