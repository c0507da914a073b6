"""`model = "auto"`: the small embedded model for ghost text, the larger one for edits if it is here.

Ghost text must come while the user pauses, which only the small model achieves on a laptop. Edits may take
longer and should be correct: of 61 strict tasks the small model solved 18 % and damaged 18 %, the larger one
solved 54 % and damaged 3 %. Edits and questions therefore use the larger model, if the user has downloaded it
and the machine has enough memory. It is loaded at the first such request.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.models import memory, registry
from spark_lsp.request import EngineInfo, Event, Focus, Request, Task

LARGER = "qwen2.5-coder-1.5b"


class LocalPair:
    """Two embedded models behind one name; see `engine.base.Engine`."""

    def __init__(self, small: LocalEngine, large: LocalEngine) -> None:
        self._small = small
        self._large = large

    @property
    def info(self) -> EngineInfo:
        """The small model, or the large one if only that is on this machine."""
        small = self._small.info
        if small.state == "off" and self._large.info.state != "off":
            return self._large.info
        return small

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer from the model for this task."""
        return self._model_for(request.task).open(request)

    def _model_for(self, task: Task) -> LocalEngine:
        large = self._large.info.state
        if large == "off":
            return self._small
        if self._small.info.state == "off":
            return self._large
        fits = large == "ready" or memory.carries(registry.find(LARGER))
        return self._large if task is not Task.COMPLETE and fits else self._small

    def observe(self, focus: Focus) -> None:
        """Pass the hint to the model for completions."""
        self._model_for(Task.COMPLETE).observe(focus)

    async def aclose(self) -> None:
        """End both models."""
        await self._small.aclose()
        await self._large.aclose()
