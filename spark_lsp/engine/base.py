"""The one interface of everything that answers: replay, embedded model, remote gateway, fallback.

    async with engine.open(request) as events:
        async for event in events: ...          # Started, Chunk*, Finished

Leaving the `async with` before the end cancels the work: when the block is left, the engine has
stopped or is stopping on its own, and nothing of this request will be delivered any more. Leaving
never blocks and never raises. An engine's failure is raised as `EngineError` from the iteration or
from entering the block, never from leaving it.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from spark_lsp.request import EngineInfo, Event, Focus, Request


class Engine(Protocol):
    """Something that answers requests."""

    @property
    def info(self) -> EngineInfo:
        """Who this is and how it is, cheap to read at any time."""
        ...

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Start answering `request`; see the module's text for the contract."""
        ...

    def observe(self, focus: Focus) -> None:
        """Take a hint that a completion may be asked for here soon. Never blocks, never raises."""
        ...

    async def aclose(self) -> None:
        """Stop for good and free everything held. Safe to call twice."""
        ...


@runtime_checkable
class ReasoningEngine(Protocol):
    """What an engine offers in addition if its model may reason before it answers."""

    @property
    def reasoning_timeout_s(self) -> float:
        """Seconds that the engine allows for the first token of a reasoning model; `inf`: no limit, 0: the
        model is not known to reason."""
        ...
