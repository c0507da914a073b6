"""The circuit breaker of an engine: closed, open, half open; and the retry budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.circuit_breaker import (
    FIRST_PAUSE_S,
    MAX_FAILURES,
    MAX_PAUSE_S,
    MAX_RETRY_AFTER_S,
    MAX_SAVED_RETRIES,
    CircuitBreaker,
    RetryBudget,
)


@pytest.fixture
def breaker() -> CircuitBreaker:
    return CircuitBreaker()


def broken(breaker: CircuitBreaker, now: float = 0.0) -> CircuitBreaker:
    for _ in range(MAX_FAILURES):
        breaker.record_failure(now, "It failed")
    return breaker


def test_one_failure_is_forgiven(breaker: CircuitBreaker):
    breaker.record_failure(0.0, "It failed")
    assert (breaker.state(0.0), breaker.allows_request(0.0)) == ("closed", True)


def test_several_in_a_row_open_it_for_a_while(breaker: CircuitBreaker):
    broken(breaker)
    assert (breaker.state(1.0), breaker.allows_request(1.0), breaker.reason) == ("open", False, "It failed")
    assert (breaker.state(FIRST_PAUSE_S), breaker.allows_request(FIRST_PAUSE_S)) == ("half_open", True)


def test_half_open_lets_one_try_at_a_time(breaker: CircuitBreaker):
    broken(breaker)
    breaker.begin_request(FIRST_PAUSE_S)
    assert not breaker.allows_request(FIRST_PAUSE_S)
    breaker.abandon_request()
    assert breaker.allows_request(FIRST_PAUSE_S)


def test_success_closes_it(breaker: CircuitBreaker):
    broken(breaker)
    breaker.begin_request(FIRST_PAUSE_S)
    breaker.record_success()
    assert (breaker.state(FIRST_PAUSE_S), breaker.reason) == ("closed", "")


def test_each_further_failure_doubles_the_pause_to_a_bound(breaker: CircuitBreaker):
    now = 0.0
    broken(breaker, now)
    pauses: list[float] = []
    for _ in range(8):
        began = now
        while not breaker.allows_request(now):
            now += 1.0
        pauses.append(now - began)
        breaker.begin_request(now)
        breaker.record_failure(now, "Again")
    assert pauses[:3] == [FIRST_PAUSE_S, FIRST_PAUSE_S * 2, FIRST_PAUSE_S * 4]
    assert max(pauses) == MAX_PAUSE_S


def test_one_that_says_when_to_come_back_is_left_alone_until_then(breaker: CircuitBreaker):
    breaker.record_failure(0.0, "Too much", retry_after_s=7.0)
    assert not breaker.allows_request(6.9)
    assert breaker.allows_request(7.0)
    assert (breaker.retry_wait_s(1.0), breaker.retry_wait_s(8.0)) == (6.0, 0.0)
    breaker.record_failure(7.0, "Too much", retry_after_s=600.0)
    assert not breaker.allows_request(606.0)
    breaker.record_failure(7.0, "Too much", retry_after_s=1e9)
    assert breaker.allows_request(7.0 + MAX_RETRY_AFTER_S)
    breaker.record_success()
    assert breaker.retry_wait_s(8.0) == 0.0


def test_a_failure_that_says_enough_opens_it_alone(breaker: CircuitBreaker):
    breaker.record_failure(0.0, "It is silent", opens=True)
    assert (breaker.state(0.0), breaker.retry_wait_s(0.0)) == ("open", 0.0)
    assert breaker.allows_request(FIRST_PAUSE_S)


def test_a_fifth_of_the_requests_may_be_retried():
    budget = RetryBudget()
    retries = 0
    for _ in range(1000):
        budget.earn_share()
        retries += budget.spend_retry()
    assert 195 <= retries <= 205


def test_saved_retries_are_bounded():
    budget = RetryBudget()
    for _ in range(1000):
        budget.earn_share()
    assert sum(budget.spend_retry() for _ in range(1000)) == MAX_SAVED_RETRIES


@given(st.lists(st.tuples(st.sampled_from("afgs"), st.floats(0, 100)), max_size=50))
def test_it_is_always_due_again_some_time(steps: list[tuple[str, float]]):
    breaker, now = CircuitBreaker(), 0.0
    for step, pause in steps:
        now += pause
        match step:
            case "a":
                breaker.begin_request(now)
            case "f":
                breaker.record_failure(now, "It failed", pause)
            case "g":
                breaker.abandon_request()
            case _:
                breaker.record_success()
    breaker.abandon_request()
    assert breaker.allows_request(now + MAX_RETRY_AFTER_S)
