"""A route: which engine is asked, and which failure is told."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.engine import route as route_module
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.route import Route
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Focus, Part, PartKind, Request, Task

pytestmark = pytest.mark.anyio


class Scripted:
    """An engine that says what it is told to, and notes what it was asked."""

    def __init__(self, name: str, script: Sequence[Event | EngineError], state: str = "ready") -> None:
        self._script = script
        self.info = EngineInfo(name, "scripted", name, state=state)  # type: ignore[arg-type]
        self.opened = self.left = 0
        self.focus: Focus | None = None

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.opened += 1
        try:
            yield self._play()
        finally:
            self.left += 1

    async def _play(self) -> AsyncIterator[Event]:
        for event in self._script:
            if isinstance(event, EngineError):
                raise event
            yield event

    def observe(self, focus: Focus) -> None:
        self.focus = focus

    async def aclose(self) -> None:
        raise AssertionError("a route does not own its engines")


def good(name: str, state: str = "ready") -> Scripted:
    return Scripted(name, [Started(name, name), Chunk(name), Finished()], state)


def bad(name: str, *before: Event, retryable: bool = True) -> Scripted:
    error = EngineError(f"{name} is out", "No text", f"Start {name}", retryable=retryable)
    return Scripted(name, [*before, error])


async def ask(*engines: Scripted) -> list[Event]:
    async with Route("completion", engines).open(Request(Task.COMPLETE)) as events:
        return [bare(event) async for event in events]


def bare(event: Event) -> Event:
    """Return the event without the route's reason."""
    return replace(event, route="") if isinstance(event, Started) else event


async def failure(*engines: Scripted) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await ask(*engines)
    return caught.value


async def test_the_first_engine_answers_and_the_second_is_not_asked() -> None:
    second = good("b")
    assert await ask(good("a"), second) == [Started("a", "a"), Chunk("a"), Finished()]
    assert second.opened == 0


async def test_a_failure_before_any_word_moves_on() -> None:
    first = bad("a")
    assert await ask(first, good("b")) == [Started("b", "b"), Chunk("b"), Finished()]
    assert (first.opened, first.left) == (1, 1)


async def test_an_answer_has_one_beginning_though_the_first_engine_had_begun() -> None:
    events = await ask(bad("a", Started("a", "a")), bad("b", Started("b", "b")), good("c"))
    assert events == [Started("c", "c"), Chunk("c"), Finished()]


async def test_a_failure_after_the_first_text_is_told_and_nobody_else_asked() -> None:
    second = good("b")
    route = Route("edit", [bad("a", Started("a", "a"), Chunk("x")), second])
    async with route.open(Request(Task.EDIT)) as events:
        assert bare(await anext(events)) == Started("a", "a")
        assert await anext(events) == Chunk("x")
        with pytest.raises(EngineError, match="a is out"):
            await anext(events)
    assert second.opened == 0


async def test_a_failure_that_is_not_retryable_is_told_at_once() -> None:
    second = good("b")
    assert (await failure(bad("a", retryable=False), second)).what == "a is out"
    assert second.opened == 0


async def test_when_all_fail_each_is_named_with_its_reason() -> None:
    error = await failure(bad("a"), bad("b", Started("b", "b")))
    assert error.what == "No engine of the route 'completion' could answer (a: a is out; b: b is out)"
    assert error.remedy == "Start a"
    assert error.code == "engine_unavailable"


async def test_a_single_engine_s_failure_is_told_in_its_own_words() -> None:
    assert str(await failure(bad("a"))) == "a is out. No text. Start a."


async def test_an_answer_without_text_is_an_answer() -> None:
    empty = Scripted("a", [Started("a", "a"), Finished()])
    assert await ask(empty, good("b")) == [Started("a", "a"), Finished()]


async def test_a_route_without_engines_names_the_setting() -> None:
    error = await failure()
    assert "routes.completion" in str(error)
    assert not error.retryable


async def test_an_engine_that_is_off_is_passed_over_except_when_all_are() -> None:
    off = good("a", "off")
    assert (await ask(off, good("b")))[0] == Started("b", "b")
    assert off.opened == 0
    assert (await ask(off, good("b", "off")))[0] == Started("a", "a")


def test_its_face_is_the_first_engine_that_can_serve() -> None:
    assert Route("edit", [good("a", "off"), good("b")]).info.name == "b"
    assert Route("edit", [good("a", "off")]).info.name == "a"
    nobody = Route("edit", []).info
    assert (nobody.name, nobody.state) == ("edit", "off")
    assert "has no engine" in nobody.reason


async def test_a_hint_goes_to_the_engine_that_would_be_asked_and_closing_leaves_engines() -> None:
    off, able = good("a", "off"), good("b")
    route, focus = Route("completion", [off, able]), Focus("file:///a.py", "python", "x", 1)
    route.observe(focus)
    assert (off.focus, able.focus) == (None, focus)
    await route.aclose()


async def test_leaving_early_leaves_the_engine() -> None:
    engine = good("a")
    async with Route("completion", [engine]).open(Request(Task.COMPLETE)) as events:
        async for event in events:
            assert bare(event) == Started("a", "a")
            break
    assert (engine.opened, engine.left) == (1, 1)


# How engines have fared.


class Slow(Scripted):
    """An engine that says nothing for long: before it can be entered, or behind its beginning."""

    def __init__(self, name: str, *, begins: bool) -> None:
        super().__init__(name, [])
        self._begins = begins

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.opened += 1
        try:
            if not self._begins:
                await anyio.sleep(60)
            yield self._wait()
        finally:
            self.left += 1

    async def _wait(self) -> AsyncIterator[Event]:
        yield Started("slow", "slow")
        await anyio.sleep(60)


@pytest.mark.parametrize("begins", [True, False])
async def test_fault_36_a_completion_is_waited_for_only_while_it_is_of_use(
    begins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_module, "FIRST_TEXT_TIMEOUT_S", 0.05)
    slow, health = Slow("slow", begins=begins), {"slow": CircuitBreaker(), "b": CircuitBreaker()}
    route = Route("completion", [slow, good("b")], health)
    for _ in range(2):
        async with route.open(Request(Task.COMPLETE)) as events:
            assert bare(await anext(events)) == Started("b", "b")
    assert (slow.opened, slow.left) == (1, 1)  # once was enough
    assert "sent nothing" in health["slow"].reason
    assert route.info.state == "degraded"
    assert route.info.reason == "slow: Engine 'slow' sent nothing for 0.05 s; b answers instead"


async def test_an_edit_and_the_last_engine_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_module, "FIRST_TEXT_TIMEOUT_S", 0.05)
    for engines, task in (([Slow("slow", begins=True), good("b")], Task.EDIT), ([bad("a")], Task.COMPLETE)):
        with anyio.move_on_after(0.3) as scope:
            async with Route("edit", [*engines, Slow("slow", begins=True)]).open(Request(task)) as events:
                assert [event async for event in events] == []
        assert scope.cancelled_caught


async def test_an_answer_that_was_left_once_it_was_enough_counts_as_an_answer() -> None:
    health = {"a": CircuitBreaker(), "b": CircuitBreaker()}
    route = Route("completion", [good("a"), good("b")], health)
    for _ in range(5):
        health["a"].record_failure(0.0, "It failed")  # now and then
        async with route.open(Request(Task.COMPLETE)) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    break
        assert health["a"].reason == ""
    assert route.info.name == "a"


async def test_an_engine_too_small_for_an_edit_is_passed_over_and_not_blamed() -> None:
    small, health = good("a"), {"a": CircuitBreaker(), "b": CircuitBreaker()}
    small.info = replace(small.info, context_tokens=100)
    route = Route("edit", [small, good("b")], health)
    request = Request(Task.EDIT, (Part(PartKind.TARGET, "x" * 1000),), "swap")
    async with route.open(request) as events:
        assert bare(await anext(events)) == Started("b", "b")
    assert (small.opened, health["a"].reason, route.info.name) == (0, "", "a")


async def test_an_engine_that_is_off_is_named_with_its_reason() -> None:
    off = good("a", "off")
    off.info = replace(off.info, reason="No key. It is passed over. Set KEY.")
    assert Route("edit", [off, good("b")]).info.reason == "a: No key; b answers instead"


# Models that reason first.


class Reasoning(Slow):
    """An engine that allows its model some time to reason before the first token."""

    reasoning_timeout_s = 0.0

    async def _wait(self) -> AsyncIterator[Event]:
        yield Started("slow", "slow")
        await anyio.sleep(0.2)
        yield Chunk("reasoned")
        yield Finished()


@pytest.mark.parametrize(
    ("limit_s", "answering"), [(0.0, "b"), (0.01, "b"), (60.0, "slow"), (math.inf, "slow")]
)
async def test_a_model_that_reasons_has_the_time_that_its_engine_allows(
    limit_s: float, answering: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_module, "FIRST_TEXT_TIMEOUT_S", 0.05)
    engine = Reasoning("slow", begins=True)
    engine.reasoning_timeout_s = limit_s
    breakers = {"slow": CircuitBreaker(), "b": CircuitBreaker()}
    async with Route("completion", [engine, good("b")], breakers).open(Request(Task.COMPLETE)) as events:
        assert bare(await anext(events)) == Started(answering, answering)
        assert isinstance(await anext(events), Chunk)
    assert (breakers["slow"].reason == "") == (answering == "slow")
