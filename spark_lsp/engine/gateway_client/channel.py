"""The queue of one response, between the link's reader, which never waits, and the caller of `open`.

`on_read` is called when the caller has taken text out of the queue: only then does the gateway get credit to
send more. The timeouts here are a backstop in case the gateway hangs; engines have shorter ones. They count
until the next text, because an engine may send `Started` before it has read the prompt.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from spark_lsp.answer_events import Chunk, Event, Finished
from spark_lsp.codes import Code
from spark_lsp.errors import EngineError
from spark_lsp.request import Task

FIRST_TEXT_TIMEOUT_S = {Task.COMPLETE: 30.0, Task.EDIT: 240.0, Task.CHAT: 240.0}  # includes loading a model
NEXT_TEXT_TIMEOUT_S = 130.0  # from one piece of text to the next, or to the end


@dataclass(slots=True)
class Channel:
    """The events of one response that the caller has not read yet; text that waits is merged."""

    task: Task = Task.CHAT
    on_read: Callable[[], None] = lambda: None
    first_text_s: float = 0.0  # seconds for the first text; 0: by the task
    next_text_s: float = 0.0  # seconds from one text to the next; 0: `NEXT_TEXT_TIMEOUT_S`
    make_silence: Callable[[float], EngineError] | None = None  # the error after that; None: the gateway's
    events: deque[Event] = field(default_factory=deque[Event])
    error: EngineError | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Event) -> None:
        """Add an event."""
        last = self.events[-1] if self.events else None
        if isinstance(event, Chunk) and isinstance(last, Chunk):
            confidence = last.confidence if event.confidence is None else event.confidence
            self.events[-1] = Chunk(last.text + event.text, confidence)
        else:
            self.events.append(event)
        self.arrived.set()

    def fail(self, error: EngineError) -> None:
        """Raise `error` in the reader after the events that it has not read yet."""
        self.error = error
        self.arrived.set()

    def touch(self) -> None:
        """Restart the timeout: the model works on the answer."""
        self.arrived.set()

    async def read(self) -> AsyncGenerator[Event, None]:
        """Give the events. Raises the `EngineError` that `fail` has set."""
        timeout_s = self.first_text_s or FIRST_TEXT_TIMEOUT_S[self.task]
        while True:
            while self.events:
                event = self.events.popleft()
                if isinstance(event, Chunk):
                    timeout_s = self.next_text_s or NEXT_TEXT_TIMEOUT_S
                    self.on_read()
                yield event
                if isinstance(event, Finished):
                    return
            if self.error is not None:
                raise self.error
            await self._wait_for_event(timeout_s)

    async def _wait_for_event(self, timeout_s: float) -> None:
        """Wait for an event or an error; after `timeout_s` seconds, that is a timeout."""
        self.arrived.clear()
        timer = asyncio.get_running_loop().call_later(timeout_s, self._time_out, timeout_s)
        try:
            await self.arrived.wait()
        finally:
            timer.cancel()

    def _time_out(self, timeout_s: float) -> None:
        self.fail((self.make_silence or _gateway_silent)(timeout_s))


def _gateway_silent(seconds: float) -> EngineError:
    return EngineError(
        f"The gateway sent no text for {seconds:.0f} s",
        "The request timed out",
        "Try again. If this persists, run `spark-lsp doctor`",
        code=Code.ENGINE_SILENT,
        retryable=True,
    )
