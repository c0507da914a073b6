"""A session at several speeds: Amdahl's law, not the rate of tokens."""

import pytest

from spark_lsp.engine.wafer.machines import session
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.feel import Pace, Step, compare_paces, read_session, split_time

STEPS = [Step("think", 10.0), Step("type", 5.0), Step("edit", 0, 1000, 650), Step("tool", 4.0)]


def pace(speed: float) -> Pace:
    return Pace(speed, prefill_tokens_per_s=1000, overhead_s=0.5)


def test_where_the_seconds_go() -> None:
    found = split_time(STEPS, pace(65))
    assert (found.thinking_s, found.typing_s, found.tools_s) == (10, 5, 4)
    assert (found.first_token_s, found.tokens_s) == pytest.approx((1.5, 10))
    assert found.total_s == pytest.approx(30.5)


def test_the_session_gains_less_than_the_tokens() -> None:
    slow, fast = compare_paces(STEPS, [pace(650), pace(65)])
    assert (slow.tokens_per_s, slow.speed_up) == (65, 1)
    assert fast.rate_ratio == 10
    assert fast.waiting_speed_up == pytest.approx(11.5 / 2.5)
    assert fast.speed_up == pytest.approx(30.5 / 21.5)


def test_a_session_in_which_nobody_waits_gains_nothing() -> None:
    assert [each.waiting_speed_up for each in compare_paces([Step("think", 1)], [pace(1), pace(9)])] == [1, 1]


def test_the_session_that_comes_along_can_be_read() -> None:
    steps = read_session(session())
    assert {step.kind for step in steps} == {"think", "type", "tool", "complete", "edit"}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("dance,1,,", "'dance' is not a kind"),
        ("think,-1,,", "must not be negative"),
        ("think,inf,,", "must not be negative"),
        ("edit,,many,", "Line 2"),
        ("", "holds no step"),
    ],
)
def test_a_session_that_cannot_be_read_is_refused(row: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_session(f"kind,seconds,prompt_tokens,output_tokens\n{row}\n")
