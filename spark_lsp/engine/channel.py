"""One request's answer between the link's reader and whoever asked: the reader never waits.

`on_read` is called whenever text has been taken out: only then may the gateway send more of it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from spark_lsp.errors import EngineError
from spark_lsp.request import Chunk, Event, Finished


@dataclass(slots=True)
class Channel:
    """One lane's answer on its way to its reader; text that waits is merged."""

    on_read: Callable[[], None] = lambda: None
    events: deque[Event] = field(default_factory=deque[Event])
    error: EngineError | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Event) -> None:
        if isinstance(event, Chunk) and self.events and isinstance(last := self.events[-1], Chunk):
            self.events[-1] = Chunk(last.text + event.text)
        else:
            self.events.append(event)
        self.arrived.set()

    def fail(self, error: EngineError) -> None:
        self.error = error
        self.arrived.set()

    async def read(self) -> AsyncIterator[Event]:
        while True:
            while self.events:
                event = self.events.popleft()
                if isinstance(event, Chunk):
                    self.on_read()
                yield event
                if isinstance(event, Finished):
                    return
            if self.error is not None:
                raise self.error
            self.arrived.clear()
            await self.arrived.wait()
