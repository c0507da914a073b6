"""`model = "auto"`: the small embedded model for ghost text, the larger one for edits if it is here.

Ghost text must come while the hand pauses, which only the small model does on a laptop. Edits may take
longer and should be right: of 61 strict tasks the small one got 18 % right and damaged 18 %, the larger 54
and 3 %. So edits and questions go to the larger one, if its user has fetched it and the machine has the
memory; it is loaded at the first of them.
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
        """What the small one says, or the large one where only that is here."""
        small = self._small.info
        if small.state == "off" and self._large.info.state != "off":
            return self._large.info
        return small

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer from the model for this task."""
        return self._for(request.task).open(request)

    def _for(self, task: Task) -> LocalEngine:
        large = self._large.info.state
        if large == "off":
            return self._small
        if self._small.info.state == "off":
            return self._large
        fits = large == "ready" or memory.carries(registry.find(LARGER))
        return self._large if task is not Task.COMPLETE and fits else self._small

    def observe(self, focus: Focus) -> None:
        """Let the small one read ahead: hints are of completions."""
        self._for(Task.COMPLETE).observe(focus)

    async def aclose(self) -> None:
        """End both."""
        await self._small.aclose()
        await self._large.aclose()
