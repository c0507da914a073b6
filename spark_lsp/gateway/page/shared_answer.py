"""One answer of an engine for several readers: a lane at its true pace, and simulated machines that play it.

The engine gets the request once, so a comparison costs one answer. `run` reads it; each reader gets all its
events from the first, as soon as they are there.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from spark_lsp.answer_events import Event, Finished
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import failure_of
from spark_lsp.request import EngineInfo, Focus, Request

if TYPE_CHECKING:
    from spark_lsp.errors import EngineError


class SharedAnswer:
    """See the module's text; an `Engine` for its readers."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self._request = request
        self._events: list[Event] = []
        self._failure: EngineError | None = None
        self._is_done = False
        self._grown = anyio.Event()

    async def run(self) -> None:
        """Read the engine's answer to its end; a failure goes to the readers."""
        try:
            async with self._engine.open(self._request) as events:
                async for event in events:
                    self._events.append(event)
                    self._notify()
        except Exception as error:
            self._failure = failure_of(self.run, error)
        finally:
            self._is_done = True
            self._notify()

    def _notify(self) -> None:
        self._grown.set()
        self._grown = anyio.Event()

    @property
    def finished(self) -> Finished | None:
        """The end of the engine's answer, or None before it."""
        last = self._events[-1] if self._events else None
        return last if isinstance(last, Finished) else None

    @property
    def code(self) -> str:
        """The code of the engine's failure; without one, that of an answer which ended early."""
        return "cancelled" if self._failure is None else self._failure.code

    @property
    def info(self) -> EngineInfo:
        """The engine's own."""
        return self._engine.info

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Return the one answer, whatever the request."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[AsyncIterator[Event], None]:
        async with aclosing(self._read()) as events:
            yield events

    async def _read(self) -> AsyncGenerator[Event, None]:
        number = 0
        while True:
            grown = self._grown
            for event in self._events[number:]:
                number += 1
                yield event
            if number == len(self._events) and self._is_done:
                break
            if number == len(self._events):
                await grown.wait()
        if self._failure is not None:
            raise self._failure

    def observe(self, focus: Focus) -> None:
        """An answer that is under way needs no hint."""

    async def aclose(self) -> None:
        """The engine is not ours to close."""
