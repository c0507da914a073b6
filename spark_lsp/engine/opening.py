"""Opens the answer of an engine that may have an obstacle, such as a missing key."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from spark_lsp.answer_events import Event
from spark_lsp.errors import EngineError


@asynccontextmanager
async def open_answer(
    find_obstacle: Callable[[], EngineError | None], answer: Callable[[], AsyncGenerator[Event, None]]
) -> AsyncGenerator[AsyncIterator[Event], None]:
    """Give the events of `answer`; close it when the reader leaves. Raises the obstacle, if there is one."""
    if obstacle := find_obstacle():
        raise obstacle
    async with aclosing(answer()) as events:
        yield events
