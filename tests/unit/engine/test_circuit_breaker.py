"""The breaker before an engine: closed, open, half open; and the budget of retries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.health import (
    FAILURES,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    MOST_RETRIES,
    Health,
)


@pytest.fixture
def health() -> Health:
    return Health()


def broken(health: Health, now: float = 0.0) -> Health:
    for _ in range(FAILURES):
        health.failed(now, "It failed")
    return health


def test_one_failure_is_forgiven(health: Health):
    health.failed(0.0, "It failed")
    assert (health.state(0.0), health.allows(0.0)) == ("closed", True)


def test_several_in_a_row_open_it_for_a_while(health: Health):
    broken(health)
    assert (health.state(1.0), health.allows(1.0), health.reason) == ("open", False, "It failed")
    assert (health.state(FIRST_PAUSE), health.allows(FIRST_PAUSE)) == ("half open", True)


def test_half_open_lets_one_try_at_a_time(health: Health):
    broken(health)
    health.asked(FIRST_PAUSE)
    assert not health.allows(FIRST_PAUSE)
    health.gave_up()
    assert health.allows(FIRST_PAUSE)


def test_success_closes_it(health: Health):
    broken(health)
    health.asked(FIRST_PAUSE)
    health.answered()
    assert (health.state(FIRST_PAUSE), health.reason) == ("closed", "")


def test_each_further_failure_doubles_the_pause_to_a_bound(health: Health):
    now = 0.0
    broken(health, now)
    pauses: list[float] = []
    for _ in range(8):
        began = now
        while not health.allows(now):
            now += 1.0
        pauses.append(now - began)
        health.asked(now)
        health.failed(now, "Again")
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert max(pauses) == LONGEST_PAUSE


def test_one_that_says_when_to_come_back_is_left_alone_until_then(health: Health):
    health.failed(0.0, "Too much", retry_after=7.0)
    assert not health.allows(6.9)
    assert health.allows(7.0)
    assert (health.wants(1.0), health.wants(8.0)) == (6.0, 0.0)
    health.failed(7.0, "Too much", retry_after=600.0)
    assert not health.allows(606.0)
    health.failed(7.0, "Too much", retry_after=1e9)
    assert health.allows(7.0 + LONGEST_WAIT)
    health.answered()
    assert health.wants(8.0) == 0.0


def test_a_failure_that_says_enough_opens_it_alone(health: Health):
    health.failed(0.0, "It is silent", plain=True)
    assert (health.state(0.0), health.wants(0.0)) == ("open", 0.0)
    assert health.allows(FIRST_PAUSE)


def test_a_fifth_of_the_requests_may_be_retried():
    health, retries = Health(), 0
    for _ in range(1000):
        health.asked(0.0)
        retries += health.may_retry()
    assert 195 <= retries <= 205


def test_saved_retries_are_bounded(health: Health):
    for _ in range(1000):
        health.asked(0.0)
    assert sum(health.may_retry() for _ in range(1000)) == MOST_RETRIES


@given(st.lists(st.tuples(st.sampled_from("afgs"), st.floats(0, 100)), max_size=50))
def test_it_is_always_due_again_some_time(steps: list[tuple[str, float]]):
    health, now = Health(), 0.0
    for step, pause in steps:
        now += pause
        match step:
            case "a":
                health.asked(now)
            case "f":
                health.failed(now, "It failed", pause)
            case "g":
                health.gave_up()
            case _:
                health.answered()
    health.gave_up()
    assert health.allows(now + LONGEST_WAIT)
