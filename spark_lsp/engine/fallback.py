"""A route: engines in order of preference, behind the face of one engine.

An engine that fails before its first text is passed over and the next one is asked, unseen by the
person. After the first text a failure is theirs to know: a second engine would answer another text.
While another engine could still take its place, what an engine says of itself is kept back until its
text comes: an answer has one beginning. An engine that says it is off is passed over without being
asked, except the last, whose own words explain best why nothing comes.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

from spark_lsp.engine.base import Engine
from spark_lsp.errors import EngineError
from spark_lsp.request import Chunk, EngineInfo, Event, Focus, Request, Started


class Fallback:
    """Asks its engines in order; see the module's text."""

    def __init__(self, name: str, engines: Sequence[Engine]) -> None:
        self._name = name
        self._engines = tuple(engines)

    @property
    def info(self) -> EngineInfo:
        """What the first engine that can serve says of itself, else the first one."""
        able = [engine.info for engine in self._engines if engine.info.state != "off"]
        if able:
            return able[0]
        if self._engines:
            return self._engines[0].info
        return EngineInfo(self._name, "fallback", "", state="off", reason=_no_engine(self._name).what)

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer from the first engine that gets as far as its first text."""
        candidates = self._candidates()
        return candidates[0].open(request) if len(candidates) == 1 else self._open(request, candidates)

    @asynccontextmanager
    async def _open(
        self, request: Request, candidates: Sequence[Engine]
    ) -> AsyncGenerator[AsyncIterator[Event], None]:
        async with aclosing(self._answer(request, candidates)) as events:
            yield events

    async def _answer(self, request: Request, candidates: Sequence[Engine]) -> AsyncGenerator[Event, None]:
        failures: list[tuple[str, EngineError]] = []
        for engine in candidates:
            begun: list[Event] = []
            spoken = False
            try:
                async with engine.open(request) as events:
                    async for event in events:
                        if isinstance(event, Started) and engine is not candidates[-1]:
                            begun.append(event)
                            continue
                        spoken = spoken or isinstance(event, Chunk)
                        while begun:
                            yield begun.pop()
                        yield event
                return
            except EngineError as error:
                if spoken or not error.retryable:
                    raise
                failures.append((engine.info.name, error))
        raise _all_failed(self._name, failures)

    def _candidates(self) -> list[Engine]:
        able = [engine for engine in self._engines if engine.info.state != "off"]
        return able or list(self._engines[:1])

    def observe(self, focus: Focus) -> None:
        """Pass the hint to the engine that would be asked."""
        for engine in self._candidates()[:1]:
            engine.observe(focus)

    async def aclose(self) -> None:
        """A route does not own its engines: several routes share them."""


def _no_engine(route: str) -> EngineError:
    return EngineError(
        f"The route {route!r} names no engine",
        "Nothing can be answered on it",
        f'Name one in `routes.{route}`, for example ["local"]',
        code="engine_unavailable",
        retryable=False,
    )


def _all_failed(route: str, failures: Sequence[tuple[str, EngineError]]) -> EngineError:
    if not failures:
        return _no_engine(route)
    if len(failures) == 1:
        return failures[0][1]
    reasons = "; ".join(f"{name}: {error.what}" for name, error in failures)
    return EngineError(
        f"No engine of the route {route!r} could answer ({reasons})",
        "Nothing was inserted",
        failures[0][1].remedy,
        code="engine_unavailable",
    )
