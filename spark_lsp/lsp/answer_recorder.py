"""Reads the gateway's answers, and records their speed and their engine in the status.

The status becomes "busy" only after 30 ms. Otherwise it would be sent for every request, and before it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.errors import SparkError
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.session_recorder import SessionRecorder
from spark_lsp.lsp.status_publisher import StatusPublisher
from spark_lsp.request import Request
from spark_lsp.supervise import call_guarded

BUSY_AFTER_SECONDS = 0.03
CHARACTERS_PER_TOKEN = 4  # for answers that end before the engine reports its own count


class AnswerReader:
    """Sends requests to the gateway, and records each answer."""

    def __init__(self, gateway: GatewayClient, status: StatusPublisher, session: SessionRecorder) -> None:
        self._gateway = gateway
        self._status = status
        self._session = session

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator["RecordedAnswer", None]:
        """Send a request; the context gives the events of its answer. Raises `EngineError`."""
        with AnswerRecorder(self._status) as recorder:
            try:
                async with self._gateway.open(request) as events:
                    yield RecordedAnswer(events, recorder)
            finally:
                call_guarded(recorder.pass_on, self._session, request)

    def open_unrecorded(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Send a request for which the user does not wait: the status says nothing about it."""
        return self._gateway.open(request)


class RecordedAnswer:
    """The events of an answer; each is recorded when it is read."""

    def __init__(self, events: AsyncIterator[Event], recorder: "AnswerRecorder") -> None:
        self._events = events
        self._recorder = recorder

    def __aiter__(self) -> "RecordedAnswer":
        return self

    async def __anext__(self) -> Event:
        event = await anext(self._events)
        self._recorder.record(event)
        return event


class AnswerRecorder:
    """Measures one answer, from entering the context to leaving it."""

    def __init__(self, status: StatusPublisher) -> None:
        self._status = status
        self._requested_at = time.monotonic()
        self._first_at: float | None = None
        self._last_at = 0.0
        self._characters = 0
        self._finished: Finished | None = None
        self._started: Started | None = None
        self._engine_at_start = ""  # the engine in the status when the answer began

    def __enter__(self) -> "AnswerRecorder":
        self._before = self._idle = self._status.current
        self._status.current = self._before.with_values(reason="")
        self._timer = asyncio.get_running_loop().call_later(BUSY_AFTER_SECONDS, self._report_busy)
        return self

    def _report_busy(self) -> None:
        if self._status.current.state != self._idle.state:
            self._idle = self._status.current
        self._status.update(state="busy", reason="")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._timer.cancel()
        if isinstance(error, SparkError):
            self._status.update(state=self._before.state, **self._before.why)
        else:
            self._status.update(**self._engine_values(), **self._speed_values(), **self._state_values())

    def record(self, event: Event) -> None:
        """Record an event of the answer."""
        now = time.monotonic()
        if isinstance(event, Started):
            self._started = event
            self._engine_at_start = self._status.current.engine
        elif isinstance(event, Chunk):
            if self._first_at is None:
                self._first_at = now
            self._last_at = now
            self._characters += len(event.text)
        elif isinstance(event, Finished):
            self._finished = event

    def pass_on(self, session: SessionRecorder, request: Request) -> None:
        """Give the times and lengths of the answer to the recording of the user's session."""
        usage = self._finished.usage if self._finished is not None else Usage()
        asked_at, last_at = self._requested_at, self._last_at
        session.record_answer(request, asked_at, self._first_at, last_at, usage, self._characters)

    def _state_values(self) -> dict[str, object]:
        """Return the state after the answer: ready, unless the status was degraded or has changed since."""
        now = self._status.current
        if now.state not in ("busy", self._idle.state):
            return {}  # the link has reported another state since
        if self._idle.state == "degraded":
            return {"state": "degraded", **(now if now.reason else self._idle).why}
        return {"state": "ready"}

    def _engine_values(self) -> dict[str, object]:
        """Return the engine that answered, unless the link has reported another one since."""
        if self._started is None or self._status.current.engine != self._engine_at_start:
            return {}
        return {
            "engine": self._started.engine,
            "model": self._started.model,
            "simulated": self._started.simulated,
            "route": self._started.route,
        }

    def _speed_values(self) -> dict[str, object]:
        if self._first_at is None:
            return {}
        return {
            "ttft_ms": round((self._first_at - self._requested_at) * 1000, 1),
            "tok_s": self._token_rate(self._first_at),
        }

    def _token_rate(self, first_at: float) -> float | None:
        if self._finished is not None and self._finished.timing.pace_ms > 0:
            tokens = self._finished.usage.output_tokens
            return round(tokens / self._finished.timing.pace_ms * 1000, 1)
        if self._last_at <= first_at:
            return None
        return round(self._characters / CHARACTERS_PER_TOKEN / (self._last_at - first_at), 1)
