"""The interface of everything that answers requests: replay, embedded model, gateway client, route.

    async with engine.open(request) as events:
        async for event in events: ...          # Started, Chunk*, Finished

Leaving the `async with` before the end cancels the work: when the block is left, the engine has
stopped or is stopping on its own, and nothing of this request will be delivered any more. Leaving
never blocks and never raises. An engine's failure is raised as `EngineError` from the iteration or
from entering the block, never from leaving it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from spark_lsp.answer_events import Event, Usage
from spark_lsp.request import EngineInfo, Focus, Request

ReportUsage = Callable[[str, Usage], None]
"""Takes the model and the tokens of some work."""


class Engine(Protocol):
    """Something that answers requests."""

    @property
    def info(self) -> EngineInfo:
        """The engine's name, model and state; cheap to read at any time."""
        ...

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Start answering `request`; see the module's text for the contract."""
        ...

    def observe(self, focus: Focus) -> None:
        """Take the hint that a completion may be requested here soon. Never blocks, never raises."""
        ...

    async def aclose(self) -> None:
        """Stop permanently and free all resources. Safe to call twice."""
        ...


@runtime_checkable
class ReasoningEngine(Protocol):
    """What an engine offers in addition if its model may reason before it answers."""

    @property
    def reasoning_timeout_s(self) -> float:
        """Seconds that the engine allows for the first token of a reasoning model; `inf`: no limit, 0: the
        model is not known to reason."""
        ...


@runtime_checkable
class ForesightedEngine(Protocol):
    """What an engine offers in addition if it uses tokens outside of requests, to prepare documents."""

    def report_usage_to(self, report: ReportUsage) -> None:
        """Call `report` with the tokens of such work, from now on."""
        ...
