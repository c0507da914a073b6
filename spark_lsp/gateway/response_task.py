"""One response: its request, its engine, its cancel scope and its outcome.

`run` takes a streamed text from the engine to the send queue by one path: the connection adds it to the
queue, and the writer is woken. Whatever fails, the response ends with exactly one terminal event.
"""

import time
from collections.abc import Callable, Sequence

import anyio

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import failure_of
from spark_lsp.errors import EngineError
from spark_lsp.gateway.admission import Admission
from spark_lsp.gateway.metrics import Metrics
from spark_lsp.gateway.writer import ConnectionWriter
from spark_lsp.request import Request
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import ServerEvent

HandleEvents = Callable[[Sequence[ServerEvent]], None]


class ResponseTask:
    """See the module's text. `handle_events` takes the next request of the lane, when this response ends."""

    def __init__(
        self,
        response: str,
        request: Request,
        connection: ServerConnection,
        writer: ConnectionWriter,
        metrics: Metrics,
        handle_events: HandleEvents,
    ) -> None:
        self.response = response
        self.request = request
        self.since = time.time()
        self.engine_name = "none"  # until an engine begins
        self._connection = connection
        self._writer = writer
        self._metrics = metrics
        self._handle_events = handle_events
        self._scope = anyio.CancelScope()
        self._finished: Finished | None = None

    def cancel(self) -> None:
        """Stop the engine. The peer has its terminal event already."""
        self._scope.cancel()

    async def run(
        self, find_engine: Callable[[Request], Engine], admission: Admission, user: str
    ) -> EngineError | None:
        """Answer the request when it is the user's turn. Never raises.

        Return the error with which the response ended, if any.
        """
        failure: EngineError | None = None
        try:
            with self._scope:
                try:
                    async with admission.turn(self.response, user, self.request.priority):
                        await self._stream(find_engine(self.request))
                except Exception as error:
                    failure = failure_of(self.run, error)
        finally:  # also when the connection ends
            outcome = "cancelled" if failure is None else failure.code
            self._metrics.count_answer(self.engine_name, self.request, self._finished, outcome)
        if failure is not None:
            self.fail(failure)
        return failure

    def fail(self, failure: EngineError) -> None:
        """End the response with an error, unless it has ended."""
        self._handle_events(self._connection.fail(self.response, failure.code, str(failure)))

    async def _stream(self, engine: Engine) -> None:
        async with engine.open(self.request) as events:
            async for event in events:
                if not isinstance(event, Chunk):
                    self._write_event(event)
                    continue
                self._connection.write_text(self.response, event.text, event.confidence)
                self._writer.wake()
                if self._connection.queue.urgent:
                    await self._writer.let_run()
                if self._connection.queue.is_full(self.response):
                    await self._writer.wait_while(lambda: self._connection.queue.is_full(self.response))
        if self._finished is None:
            raise EngineError("The engine's answer broke off", "The text is incomplete", "Try again")

    def _write_event(self, event: Event) -> None:
        """Write the beginning or the end of the response."""
        if isinstance(event, Started):
            self.engine_name = event.engine
        elif isinstance(event, Finished):
            self._finished = event
        following = self._connection.write_event(self.response, event, time.time())
        if following:
            self._handle_events(following)
        else:
            self._writer.wake()
