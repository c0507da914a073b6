"""Failover: the first candidate that gets as far as its first text answers the request.

A candidate that fails before its first text is replaced by the next one, and the user does not notice. After
the first text the failure is raised, because a second candidate would give another text. The answer has one
`Started` event, from the candidate that answers.

Each attempt updates the candidate's circuit breaker. Only failures of the candidate count, not those that
`REQUEST_FAULTS` lists.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field

from spark_lsp.answer_events import Event, Started
from spark_lsp.codes import Code
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.traffic import Traffic
from spark_lsp.errors import EngineError
from spark_lsp.request import Task

# The request or a budget caused these, or the model only has to be loaded. They say nothing about the engine.
REQUEST_FAULTS = frozenset(
    (
        Code.CONTEXT_LENGTH_EXCEEDED,
        Code.UNSUPPORTED_CONTENT,
        Code.CONTENT_FILTER,
        Code.ENGINE_LOADING,
        Code.ENGINE_ONLY_THOUGHT,
        Code.BUDGET_USED_UP,
        Code.BUDGET_UNKNOWN,
        Code.PRICE_MISSING,
    )
)
# One of these opens the breaker. Silence and an incomplete answer cost the user much time, and a missing
# server, key or model will still be missing a second later.
OPENING_FAULTS = frozenset(
    (
        Code.ANSWER_BROKE_OFF,
        Code.ENGINE_SILENT,
        Code.ENGINE_UNAVAILABLE,
        Code.MODEL_NOT_FOUND,
        Code.MODEL_UNAVAILABLE,
        Code.PACKAGE_MISSING,
    )
)

OpenAnswer = Callable[[], AbstractAsyncContextManager[AsyncIterator[Event]]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can answer the request: an engine of a route, or a server of an engine.

    With `holds_start`, its `Started` is held back until its first text, because another candidate, with
    another `Started`, may still replace it. `is_excused`: whether a failure now is no fault of its own.
    `traffic` measures the candidate's answers to `task`.
    """

    name: str
    breaker: CircuitBreaker
    open_answer: OpenAnswer
    holds_start: bool = False
    is_excused: Callable[[], bool] = lambda: False
    traffic: Traffic = field(default_factory=Traffic)
    task: Task = Task.CHAT


@dataclass(frozen=True, slots=True)
class Failure:
    """The error of a candidate that was replaced."""

    name: str
    error: EngineError


async def failover(
    candidates: Iterable[Candidate],
    now: Callable[[], float],
    is_final: Callable[[EngineError], bool],
    summarize: Callable[[Sequence[Failure]], EngineError],
) -> AsyncGenerator[Event, None]:
    """Give the events of the first candidate that answers.

    `candidates` may be a generator: the next one is only chosen after a failure. `is_final` tells whether the
    next candidate would fail in the same way. Raises the error of a candidate that has given text or whose
    error is final; if no candidate is left, raises the error that `summarize` makes of all failures.
    """
    failures: list[Failure] = []
    has_started = False
    for candidate in candidates:
        attempt = Attempt(candidate, now, has_started)
        try:
            async with aclosing(attempt.read_events()) as events:
                async for event in events:
                    yield event
            return
        except EngineError as error:
            if attempt.has_text or is_final(error):
                raise
            failures.append(Failure(candidate.name, error))
            has_started = attempt.has_started
    raise summarize(failures)


class Attempt:
    """One candidate's attempt to answer, and what its reader has got so far."""

    def __init__(self, candidate: Candidate, now: Callable[[], float], has_started: bool = False) -> None:
        self._candidate = candidate
        self._now = now
        self._held: Started | None = None
        self._began_at: float | None = None
        self.has_started = has_started  # the reader has a `Started`, of this candidate or an earlier one
        self.has_text = False  # the reader has text, or the end: no other candidate can answer now

    async def read_events(self) -> AsyncGenerator[Event, None]:
        """Give the candidate's events, with one `Started`, and tell its breaker the outcome."""
        breaker, traffic = self._candidate.breaker, self._candidate.traffic
        self._began_at = self._now()
        breaker.begin_request(self._began_at)
        traffic.in_progress += 1
        try:
            async with self._candidate.open_answer() as events:
                async for event in events:
                    for each in self._select(event):
                        yield each
        except EngineError as error:
            self._record(error)
            raise
        finally:
            traffic.in_progress -= 1
            breaker.abandon_request()

    @property
    def has_begun(self) -> bool:
        """Whether the candidate has got the request."""
        return self._began_at is not None

    def note_time(self) -> None:
        """Note the time until now as the candidate's time to its first text."""
        if self._began_at is not None:
            self._candidate.traffic.times(self._candidate.task).add(self._now() - self._began_at)

    def _select(self, event: Event) -> list[Event]:
        """Return the events to forward now that `event` has come: none, or it and the held `Started`."""
        if isinstance(event, Started):
            if self._candidate.holds_start:
                self._held = event
                return []
            if self.has_started:
                return []
            self.has_started = True
            return [event]
        if not self.has_text:
            self.has_text = True
            self.note_time()
            # Now, not at the end: the reader may leave as soon as it has enough text.
            self._candidate.breaker.record_success()
        if self._held is None:
            return [event]
        held = self._held
        self._held = None
        self.has_started = True
        return [held, event]

    def _record(self, error: EngineError) -> None:
        """Count the failure unless the candidate is not to blame.

        A repeated request for an answer that broke off should get another candidate, so a failure after the
        first text opens the breaker.
        """
        if not error.retryable or error.code in REQUEST_FAULTS or self._candidate.is_excused():
            return
        opens = self.has_text or error.code in OPENING_FAULTS
        self._candidate.breaker.record_failure(self._now(), error.what, error.retry_after, opens=opens)
