"""Failover between candidates: which events the reader gets, and which failures count."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.engine.circuit_breaker import BreakerState, CircuitBreaker
from spark_lsp.engine.failover import REQUEST_FAULTS, Candidate, Failure, failover
from spark_lsp.errors import EngineError

pytestmark = pytest.mark.anyio
STARTED = Started("e", "m")
ANSWER = [STARTED, Chunk("x"), Finished()]


def scripted(name: str, script: Sequence[Event | EngineError], *, holds_start: bool = False) -> Candidate:
    @asynccontextmanager
    async def open_answer() -> AsyncGenerator[AsyncIterator[Event], None]:
        yield play()

    async def play() -> AsyncGenerator[Event, None]:
        for event in script:
            if isinstance(event, EngineError):
                raise event
            yield event

    return Candidate(name, CircuitBreaker(), open_answer, holds_start=holds_start)


def failure(code: Code = Code.ENGINE_FAILED) -> EngineError:
    return EngineError("It failed", code=code)


def is_final(error: EngineError) -> bool:
    return error.code in REQUEST_FAULTS


def last_error(failures: Sequence[Failure]) -> EngineError:
    return failures[-1].error


async def read(candidates: Iterator[Candidate] | Sequence[Candidate]) -> list[Event]:
    async with aclosing(failover(candidates, lambda: 0.0, is_final, last_error)) as answer:
        return [event async for event in answer]


@pytest.mark.parametrize("holds_start", [False, True])
async def test_the_reader_gets_one_start_whether_it_was_held_or_not(holds_start: bool) -> None:
    first = scripted("a", [STARTED, failure()], holds_start=holds_start)
    assert await read([first, scripted("b", ANSWER)]) == ANSWER


async def test_the_next_candidate_is_chosen_only_after_a_failure() -> None:
    chosen: list[str] = []

    def candidates() -> Iterator[Candidate]:
        for name, script in (("a", [failure()]), ("b", ANSWER), ("c", ANSWER)):
            chosen.append(name)
            yield scripted(name, script)

    await read(candidates())
    assert chosen == ["a", "b"]


async def test_a_failure_after_the_first_text_is_raised_and_opens_the_breaker() -> None:
    first = scripted("a", [STARTED, Chunk("x"), failure()])
    with pytest.raises(EngineError):
        await read([first, scripted("b", ANSWER)])
    assert first.breaker.state(0.0) is BreakerState.OPEN


@pytest.mark.parametrize("code", sorted(REQUEST_FAULTS))
async def test_a_fault_of_the_request_is_raised_and_does_not_count(code: Code) -> None:
    first = scripted("a", [failure(code)])
    with pytest.raises(EngineError):
        await read([first, scripted("b", ANSWER)])
    assert first.breaker.reason == ""


async def test_when_all_have_failed_the_summary_is_raised() -> None:
    with pytest.raises(EngineError, match="last"):
        await read([scripted("a", [failure()]), scripted("b", [EngineError("the last one")])])
