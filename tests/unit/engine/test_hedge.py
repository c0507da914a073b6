"""Hedged answers: exactly one answer, of one engine, whatever two engines and the reader do at which time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.config import RouteRules
from spark_lsp.engine import hedge as hedge_module
from spark_lsp.engine.circuit_breaker import BreakerState, CircuitBreaker
from spark_lsp.engine.failover import Attempt
from spark_lsp.engine.route import Route
from spark_lsp.engine.route_records import RouteRecords
from spark_lsp.engine.traffic import MIN_SAMPLES, Traffic
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Focus, Priority, Request, Task
from tests.virtual_clock import run_virtually

USUAL_S = 1.0  # the first engine's measured time: later than this, the hedge is sent
HEDGED = RouteRules(hedge="p95", hedge_share=0.5)


@dataclass
class Script:
    """When an engine does what. `fails_at` is the number of texts before its failure, None for none."""

    first_s: float = 0.1
    next_s: float = 0.1
    texts: int = 2
    fails_at: int | None = None
    retryable: bool = True
    starts: bool = True
    finishes: bool = True
    slow_to_open: bool = False


@dataclass
class Timed:
    """An engine that follows a script on the event loop's clock, and notes when it was opened and left."""

    name: str
    script: Script = field(default_factory=Script)
    opened: list[float] = field(default_factory=list[float])
    left: list[float] = field(default_factory=list[float])
    failed: bool = False
    state: str = "ready"

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self.name, "timed", self.name, state=self.state)  # type: ignore[arg-type]

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        now = asyncio.get_running_loop().time
        self.opened.append(now())
        try:
            if self.script.slow_to_open:
                await asyncio.sleep(self.script.first_s)
            yield self._play()
        finally:
            self.left.append(now())

    async def _play(self) -> AsyncIterator[Event]:
        script = self.script
        if script.starts:
            yield Started(self.name, self.name)
        for number in range(script.texts + 1):
            await asyncio.sleep(script.next_s if number else 0 if script.slow_to_open else script.first_s)
            if script.fails_at == number:
                self.failed = True
                raise EngineError(f"{self.name} is out", "No text", "Start it", retryable=script.retryable)
            if number < script.texts:
                yield Chunk(f"{self.name}{number} ")
        if script.finishes:
            yield Finished()

    def observe(self, focus: Focus) -> None:
        raise AssertionError

    async def aclose(self) -> None:
        raise AssertionError


@dataclass
class Outcome:
    """What the reader got, and when it got its first event."""

    events: list[Event]
    error: EngineError | None
    first_at: float
    left_at: float


class Bench:
    """A route over timed engines, the first of which has been measured."""

    def __init__(self, *engines: Timed, rules: RouteRules = HEDGED, measured: int = MIN_SAMPLES) -> None:
        self.engines = engines
        self.breakers = {each.name: CircuitBreaker() for each in engines}
        self.traffic = [Traffic() for _ in engines]
        self.records = RouteRecords()
        self.records.budget("edit").earn_share(2.0)
        for task in Task:
            for _ in range(measured):
                self.traffic[0].times(task).add(USUAL_S)
        self.rules = rules

    def route(self) -> Route:
        return Route(
            "edit",
            self.engines,
            self.breakers,
            asyncio.get_running_loop().time,
            rules=self.rules,
            traffic=self.traffic,
            records=self.records,
        )

    async def read(self, request: Request | None = None, *, leaves_after: int = 99) -> Outcome:
        now, events, error, first_at = asyncio.get_running_loop().time, list[Event](), None, -1.0
        try:
            async with self.route().open(request or Request(Task.EDIT)) as answer:
                async for each in answer:
                    first_at = now() if first_at < 0 else first_at
                    events.append(each)
                    if len(events) == leaves_after:
                        break
        except EngineError as caught:
            error = caught
        return Outcome(events, error, first_at, now())

    def run(self, request: Request | None = None) -> Outcome:
        return run_virtually(lambda: self.read(request))


def texts(outcome: Outcome) -> str:
    return "".join(each.text for each in outcome.events if isinstance(each, Chunk))


def test_a_slow_engine_is_overtaken_by_the_next_and_stopped_at_once() -> None:
    slow, fast = Timed("slow", Script(first_s=60.0)), Timed("fast")
    bench = Bench(slow, fast)
    outcome = bench.run()
    assert outcome.events == [
        Started("fast", "fast", route=Code.ROUTE_HEDGED),
        Chunk("fast0 "),
        Chunk("fast1 "),
        Finished(),
    ]
    assert (fast.opened, slow.left) == ([USUAL_S], [outcome.first_at])
    assert outcome.first_at == USUAL_S + 0.1
    assert bench.records.hedges == {("edit", "sent"): 1, ("edit", "won"): 1}


def test_a_first_engine_that_is_only_a_little_late_wins_and_the_second_is_stopped() -> None:
    late, second = Timed("late", Script(first_s=1.05)), Timed("second")
    bench = Bench(late, second)
    outcome = bench.run(Request(Task.EDIT, instruction="x" * 400))
    assert texts(outcome) == "late0 late1 "
    assert (second.opened, second.left) == ([USUAL_S], [1.05])
    assert bench.records.hedges["edit", "lost"] == 1
    assert bench.records.stopped_tokens == {"second": 100}
    assert len(bench.traffic[1].times(Task.EDIT)) == 0  # being stopped early says nothing about its speed


def test_a_usual_answer_is_not_hedged() -> None:
    first, second = Timed("first", Script(first_s=0.9)), Timed("second")
    assert texts(Bench(first, second).run()) == "first0 first1 "
    assert second.opened == []


def test_the_time_until_a_slow_engine_was_stopped_counts_as_its_time() -> None:
    bench = Bench(Timed("slow", Script(first_s=60.0)), Timed("fast"))
    bench.run()
    bench.run()
    times = bench.traffic[0].times(Task.EDIT)
    assert len(times) == MIN_SAMPLES + 2
    assert times.percentile(0.95) == USUAL_S + 0.1


def test_a_failure_before_the_hedge_moves_on_without_one() -> None:
    bad, second = Timed("bad", Script(fails_at=0)), Timed("second")
    bench = Bench(bad, second)
    outcome = bench.run()
    assert outcome.events[0] == Started("second", "second", route=Code.ROUTE_FAILED_OVER)
    assert second.opened == [0.1]
    assert not bench.records.hedges


def test_if_both_fail_a_third_engine_answers() -> None:
    engines = Timed("a", Script(2.0, fails_at=0)), Timed("b", Script(2.0, fails_at=0)), Timed("c")
    outcome = Bench(*engines).run()
    assert (texts(outcome), outcome.error) == ("c0 c1 ", None)
    assert [each.opened for each in engines] == [[0.0], [1.0], [3.0]]


def test_a_failure_that_the_others_would_repeat_ends_the_answer() -> None:
    bad, second = Timed("bad", Script(1.5, fails_at=0, retryable=False)), Timed("second", Script(60.0))
    outcome = Bench(bad, second).run()
    assert outcome.error is not None
    assert outcome.error.what == "bad is out"
    assert second.left == [1.5]


def never_hedged(bench: Bench, request: Request | None = None) -> bool:
    outcome = bench.run(request)
    return texts(outcome).startswith("slow0") and not bench.engines[1].opened


def slow_and(second: Timed) -> tuple[Timed, Timed]:
    return Timed("slow", Script(first_s=5.0)), second


def test_no_hedge_without_the_setting_or_enough_answers() -> None:
    assert never_hedged(Bench(*slow_and(Timed("b")), rules=RouteRules()))
    assert never_hedged(Bench(*slow_and(Timed("b")), measured=MIN_SAMPLES - 1))


def test_no_hedge_for_requests_ahead_and_for_warming() -> None:
    ahead = Request(Task.COMPLETE, priority=Priority.BACKGROUND)
    assert never_hedged(Bench(*slow_and(Timed("b"))), ahead)
    assert never_hedged(Bench(*slow_and(Timed("b"))), Request(Task.COMPLETE, warm=True))


def test_no_hedge_without_a_share_of_the_budget() -> None:
    bench = Bench(*slow_and(Timed("b")), rules=replace(HEDGED, hedge_share=0.0))
    while bench.records.budget("edit").spend_hedge():
        pass
    assert never_hedged(bench)


def test_no_hedge_to_an_engine_that_recovers_or_is_off_or_full() -> None:
    failing = Bench(*slow_and(Timed("b")))
    failing.breakers["b"].record_failure(0.0, "It failed", opens=True)
    assert never_hedged(failing)
    assert never_hedged(Bench(*slow_and(Timed("b", state="off"))))
    full = Bench(*slow_and(Timed("b")), rules=replace(HEDGED, max_queue=3))
    full.traffic[1].in_progress = 3
    assert never_hedged(full)


def test_a_reader_that_does_not_read_pauses_the_engine() -> None:
    engine = Timed("first", Script(0.0, 0.0, texts=500))
    bench = Bench(engine, Timed("second"))
    played = list[int]()

    async def read_slowly() -> None:
        async with bench.route().open(Request(Task.EDIT)) as answer:
            async for each in answer:
                played.append(int(each.text[5:])) if isinstance(each, Chunk) else None
                await asyncio.sleep(0.5)
                if len(played) == 3:
                    break
        assert played == [0, 1, 2]

    run_virtually(read_slowly)
    assert engine.left == [2.0]


# Faults of the work and of the callbacks that a hedge hands over.


def test_a_choice_that_fails_costs_the_hedge_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route, "_may_hedge", _fail)
    assert never_hedged(Bench(*slow_and(Timed("b"))))


def test_notes_that_fail_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route, "_note_hedge", _fail)
    bench = Bench(*slow_and(Timed("b")))
    assert texts(bench.run()) == "b0 b1 "
    run_virtually(lambda: _leave_at(bench, 1.05))
    assert all(len(each.opened) == len(each.left) for each in bench.engines)


async def _leave_at(bench: Bench, seconds: float) -> None:
    reading = asyncio.ensure_future(bench.read())
    await asyncio.wait([reading], timeout=seconds)
    reading.cancel()
    await asyncio.wait([reading])


def test_a_task_that_fails_at_once_is_replaced_by_the_next_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = hedge_module.run_guarded, list[object]()

    async def fail_first(work: Any) -> None:
        calls.append(work)
        if len(calls) == 1:
            raise RuntimeError("Boom")
        await whole(work)

    monkeypatch.setattr(hedge_module, "run_guarded", fail_first)
    assert texts(Bench(Timed("a"), Timed("b")).run()) == "b0 b1 "


def test_an_engine_that_raises_anything_is_replaced_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempt, "_select", _fail)
    outcome = Bench(Timed("a"), Timed("b")).run()
    assert outcome.error is not None
    assert outcome.error.code == Code.ENGINE_UNAVAILABLE  # both have failed


def _fail(*_: object) -> None:
    raise RuntimeError("Boom")


class Stubborn(Timed):
    """An engine that goes on when it is cancelled."""

    async def _play(self) -> AsyncIterator[Event]:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        yield Started(self.name, self.name)
        yield Chunk("too late")


def test_an_engine_that_ignores_its_cancellation_adds_nothing() -> None:
    stubborn = Stubborn("slow")
    bench = Bench(stubborn, Timed("fast"))
    assert texts(bench.run()) == "fast0 fast1 "
    assert bench.breakers["slow"].state(0.0) is BreakerState.CLOSED
    assert len(stubborn.left) == 1


# Whatever happens at which time.

TIMES = st.sampled_from([0.0, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 8.0, 40.0])
SCRIPTS = st.builds(
    Script,
    first_s=TIMES,
    next_s=st.sampled_from([0.0, 0.1, 1.0]),
    texts=st.integers(0, 3),
    fails_at=st.none() | st.integers(0, 3),
    retryable=st.sampled_from([True, True, True, False]),
    starts=st.booleans(),
    finishes=st.sampled_from([True, True, True, False]),
    slow_to_open=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(SCRIPTS, min_size=2, max_size=3),
    st.sampled_from([Task.EDIT, Task.COMPLETE]),
    st.none() | TIMES,
    st.integers(1, 9),
    st.booleans(),
)
def test_an_answer_is_of_one_engine_and_all_others_are_stopped(
    scripts: Sequence[Script], task: Task, cancelled_at: float | None, leaves_after: int, half_open: bool
) -> None:
    engines = [Timed(name, script) for name, script in zip("abc", scripts, strict=False)]
    bench = Bench(*engines)
    if half_open:
        bench.breakers["b"].record_failure(-1000.0, "It failed", opens=True)

    async def talk() -> Outcome | None:
        reading = asyncio.ensure_future(bench.read(Request(task), leaves_after=leaves_after))
        _, pending = await asyncio.wait([reading], timeout=cancelled_at)
        if pending:
            reading.cancel()
            await asyncio.wait([reading])
            return None
        return reading.result()

    outcome = run_virtually(talk)
    assert all(len(each.opened) == len(each.left) <= 1 for each in engines)
    assert all(each.in_progress == 0 for each in bench.traffic)
    _check_breakers(bench, half_open=half_open)
    hedges = bench.records.hedges
    assert hedges["edit", "sent"] == sum(hedges["edit", each] for each in ("won", "lost", "unused")) <= 1
    if outcome is not None:
        _check_answer(outcome, engines, leaves_after)
        note(f"{len(engines)} engines, {hedges['edit', 'won']} hedge won, error {outcome.error is not None}")


def _check_answer(outcome: Outcome, engines: Sequence[Timed], leaves_after: int) -> None:
    """One `Started` before all others, the texts of one engine in their order, one end."""
    said = [each for each in outcome.events if isinstance(each, Chunk)]
    if said:
        winner = next(each for each in engines if said[0].text.startswith(each.name))
        assert [each.text for each in said] == [f"{winner.name}{n} " for n in range(len(said))]
        others = [each for each in engines if each is not winner]
        assert all(each.left[-1] <= outcome.first_at for each in others if each.opened)
    starts = [n for n, each in enumerate(outcome.events) if isinstance(each, Started)]
    assert starts in ([], [0])
    ends = [n for n, each in enumerate(outcome.events) if isinstance(each, Finished)]
    assert ends in ([], [len(outcome.events) - 1])
    if outcome.error is None and len(outcome.events) < leaves_after:
        assert ends or any(not each.script.finishes for each in engines)


def _check_breakers(bench: Bench, *, half_open: bool) -> None:
    """No trial is left running, and an engine that was only stopped has neither failed nor succeeded."""
    for engine in bench.engines:
        breaker = bench.breakers[engine.name]
        assert breaker.allows_request(1e9)
        if not engine.failed and not (half_open and engine.name == "b") and engine.script.first_s < 10:
            assert breaker.state(0.0) is BreakerState.CLOSED
            assert breaker.reason == ""
    if half_open and bench.records.hedges["edit", "sent"]:
        assert len(bench.engines) == 3  # the engine that recovers was passed over
