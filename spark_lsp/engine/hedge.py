"""Hedged answers: if the first candidate is slow, the next one gets the request too; the first text wins.

    first candidate   ─── no text after `delay_s` ───────────┐ stopped at once
    second candidate              └─ the same request ─ text ┴─ its events are the answer

Each candidate is read by a task, because both have to be read at the same time. The task that has the first
text claims the answer, which only one can do. It cancels the others in the same turn of the event loop, so
the reader gets one `Started`, the text of one candidate, and one end. A stopped candidate has neither
succeeded nor failed, so its circuit breaker learns nothing.

A candidate that fails before its first text is replaced as `failover` does it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import anyio

from spark_lsp.answer_events import Event
from spark_lsp.codes import Code
from spark_lsp.engine.failover import Attempt, Candidate, Failure
from spark_lsp.engine.guard import failure_of
from spark_lsp.errors import EngineError
from spark_lsp.supervise import call_guarded, run_guarded

MAX_WAITING_EVENTS = 8  # read ahead of the reader; then the engine waits, as it does without a hedge
CLOSE_TIMEOUT_S = 5.0  # for a candidate to stop; it has then stopped reading already


@dataclass(frozen=True, slots=True)
class HedgePlan:
    """When to hedge, with which of the candidates that wait, and where to note the outcome.

    `choose` returns None if none of them may get the request. `note` gets the outcome of a hedge that was
    sent.
    """

    delay_s: float
    choose: Callable[[Sequence[Candidate]], Candidate | None]
    note: Callable[["HedgeOutcome"], object]


@dataclass(frozen=True, slots=True)
class HedgeOutcome:
    """The end of a hedge: the second candidate, the winner and the one that was stopped for it, or None."""

    second: str
    winner: str | None = None
    stopped: str | None = None


async def hedge_candidates(
    candidates: Iterable[Candidate],
    plan: HedgePlan,
    now: Callable[[], float],
    is_final: Callable[[EngineError], bool],
    summarize: Callable[[Sequence[Failure]], EngineError],
) -> AsyncGenerator[Event, None]:
    """Give the events of the candidate that has the first text. Raises as `failover.failover` does."""
    race = _Race(list(candidates), plan, now, is_final, summarize)
    try:
        winner = await race.run()
        async with aclosing(winner.read()) as events:
            async for event in events:
                yield event
    finally:
        await race.close()


class _Race:
    """The candidates that read at the same time, and those that wait."""

    def __init__(
        self,
        waiting: list[Candidate],
        plan: HedgePlan,
        now: Callable[[], float],
        is_final: Callable[[EngineError], bool],
        summarize: Callable[[Sequence[Failure]], EngineError],
    ) -> None:
        self._waiting = waiting
        self._plan = plan
        self._now = now
        self._is_final = is_final
        self._summarize = summarize
        self._runners: list[_Runner] = []
        self._failures: list[Failure] = []
        self._winner: _Runner | None = None
        self._claimed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._second: _Runner | None = None

    async def run(self) -> "_Runner":
        """Return the runner with the first text. Raises `EngineError` if no candidate has any."""
        delay_s: float | None = self._plan.delay_s
        self._start_next()
        while self._winner is None:
            running = [each.task for each in self._runners]
            done, _ = await asyncio.wait(
                (self._claimed, *running), timeout=delay_s, return_when=asyncio.FIRST_COMPLETED
            )
            if self._winner is not None:
                break
            if not done:
                self._start_hedge()
            delay_s = None  # one hedge at most, and none for a candidate that came after a failure
            self._drop_failed()
            if not self._runners:
                self._start_next()
        return self._winner

    def claim(self, runner: "_Runner") -> bool:
        """Make a runner with text the winner, and stop the others. Return False if there is a winner."""
        if self._winner is not None:
            return self._winner is runner
        self._winner = runner
        self._claimed.set_result(None)
        stopped: str | None = None
        for other in self._runners:
            if other is not runner and other.stop(is_slow=other is not self._second):
                stopped = other.name
        if self._second is not None:
            call_guarded(self._plan.note, HedgeOutcome(self._second.name, runner.name, stopped))
        return True

    def _start_next(self) -> None:
        if not self._waiting:
            raise self._summarize(self._failures)
        self._runners.append(_Runner(self._waiting.pop(0), self, self._now))

    def _start_hedge(self) -> None:
        candidate: Candidate | None = call_guarded(self._plan.choose, self._waiting)
        if candidate is not None:
            self._waiting = [each for each in self._waiting if each is not candidate]
            self._second = _Runner(candidate, self, self._now)
            self._runners.append(self._second)

    def _drop_failed(self) -> None:
        """Remove the runners that have ended without text. Raises an error that the others would repeat."""
        for runner in [each for each in self._runners if each.task.done()]:
            self._runners.remove(runner)
            error = runner.failure()
            self._failures.append(Failure(runner.name, error))
            if self._is_final(error):
                raise error

    async def close(self) -> None:
        """Stop all runners, and wait until they have stopped."""
        if self._second is not None and self._winner is None:
            call_guarded(self._plan.note, HedgeOutcome(self._second.name))
        tasks = [each.task for each in self._runners if not each.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_S)


class _Runner:
    """Reads one candidate in a task, and keeps its events for the reader of the answer."""

    def __init__(self, candidate: Candidate, race: _Race, now: Callable[[], float]) -> None:
        self.name = candidate.name
        self._attempt = Attempt(replace(candidate, holds_start=True), now)
        self._race = race
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()  # an event came, or the end
        self._room = asyncio.Event()
        self._error: EngineError | None = None
        self._has_ended = False
        self.task = asyncio.ensure_future(run_guarded(self._run))

    async def _run(self) -> None:
        try:
            async with aclosing(self._attempt.read_events()) as events:
                async for event in events:
                    if not self._race.claim(self):
                        return
                    await self._put(event)
        except EngineError as error:
            self._error = error
        except Exception as error:
            self._error = failure_of(self._run, error)
        finally:
            self._has_ended = True
            self._news.set()

    async def _put(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()
        while len(self._events) >= MAX_WAITING_EVENTS:
            self._room.clear()
            await self._room.wait()

    def stop(self, *, is_slow: bool) -> bool:
        """Stop reading; return whether the candidate was working on the request.

        If it `is_slow`, its time until now counts as its time to the first text.
        """
        if self.task.done() or self._has_ended:
            return False
        if is_slow:
            self._attempt.note_time()
        self.task.cancel()
        return self._attempt.has_begun

    def failure(self) -> EngineError:
        """Return why the candidate ended without text."""
        if not self.task.cancelled():
            self.task.exception()  # retrieved, so that the event loop does not log it
        return self._error or EngineError(
            f"Engine {self.name!r} ended its answer without text",
            "The next engine of the route answers",
            "No action needed",
            code=Code.ANSWER_BROKE_OFF,
        )

    async def read(self) -> AsyncGenerator[Event, None]:
        """Give the candidate's events. Raises the error with which it ended."""
        while True:
            while self._events:
                event = self._events.popleft()
                self._room.set()
                yield event
            if self._has_ended:
                break
            self._news.clear()
            await self._news.wait()
        if self._error is not None:
            raise self._error
