"""One request's answer between the link's reader and whoever asked: the reader never waits.

`on_read` is called whenever text has been taken out: only then may the gateway send more of it. A gateway
that says nothing for long is given up: engines have deadlines of their own, so this is the last net, and
wider than theirs. An engine may say that it has begun before it has read the request, so what counts is text.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError
from spark_lsp.request import Chunk, Event, Finished, Task

FIRST_TEXT = {Task.COMPLETE: 30.0, Task.EDIT: 240.0, Task.CHAT: 240.0}  # a cold model loads, then reads
NEXT_TEXT = 130.0  # seconds from one piece of text to the next, or to the end


@dataclass(slots=True)
class Channel:
    """One lane's answer on its way to its reader; text that waits is merged."""

    task: Task = Task.CHAT
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
        patience = FIRST_TEXT[self.task]
        while True:
            while self.events:
                event = self.events.popleft()
                if isinstance(event, Chunk):
                    patience = NEXT_TEXT
                    self.on_read()
                yield event
                if isinstance(event, Finished):
                    return
            if self.error is not None:
                raise self.error
            await self._wait(patience)

    async def _wait(self, patience: float) -> None:
        """Wait for news; none in time is an error."""
        self.arrived.clear()
        timer = asyncio.get_running_loop().call_later(patience, self.fail, _silent(patience))
        try:
            await self.arrived.wait()
        finally:
            timer.cancel()


def _silent(seconds: float) -> EngineError:
    return EngineError(
        f"The gateway has said nothing for {seconds:.0f} s",
        "This request was given up",
        "Try again; `spark-lsp doctor` looks into it if it stays so",
        code=Code.ENGINE_SILENT,
        retryable=True,
    )
