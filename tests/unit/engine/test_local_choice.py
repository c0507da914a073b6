"""The larger model completes only where it answers in time, and the choice does not flip."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.local.choice import (
    AGREEING_ANSWERS,
    DWELL_ANSWERS,
    GIVE_BACK_S,
    TAKE_OVER_S,
    ModelChoice,
    WritingPace,
    estimate_key_s,
)

RATIO = 1_117_320_768 / 491_400_064


def measured(small: float, large: float = 0.0) -> ModelChoice:
    """A choice whose models write at these paces, in tokens per second."""
    return ModelChoice(RATIO, small=WritingPace(small), large=WritingPace(large))


def judge(choice: ModelChoice, answers: int, small_reads: float, large_reads: float) -> int:
    """Judge after each of some answers; return the number of changes."""
    return sum(choice.judge(small_reads, large_reads) for _ in range(answers))


def test_on_two_slow_cores_the_small_model_completes() -> None:
    estimated, known = measured(43), measured(43, 29)
    assert judge(estimated, 100, 158, 120) == judge(known, 100, 158, 74) == 0
    assert not estimated.prefers_large
    assert not known.prefers_large
    text = estimated.explain("small", "large")
    assert text == "small completes: large would need about 0.7 s for a keystroke, and 0.4 s is the limit"
    assert "about 0.5 s" in known.explain("small", "large")


def test_on_a_fast_machine_the_larger_model_takes_over_once() -> None:
    choice = measured(120)
    assert judge(choice, AGREEING_ANSWERS - 1, 900, 120) == 0
    assert choice.explain("small", "large") == ""
    assert judge(choice, 100, 900, 120) == 1
    assert choice.prefers_large
    assert choice.explain("small", "large") == "large completes: it needs about 0.2 s for a keystroke"


def test_a_larger_model_that_proves_slow_gives_back_and_stays_back() -> None:
    choice = measured(120)
    judge(choice, AGREEING_ANSWERS, 900, 120)
    choice.large.tokens_per_s = 15  # 12 tokens take 0.8 s
    assert judge(choice, DWELL_ANSWERS - 1, 900, 400) == 0
    assert judge(choice, 1, 900, 400) == 1
    assert not choice.prefers_large
    assert judge(choice, 1000, 900, 400) == 0


def test_between_the_limits_nothing_changes() -> None:
    writes = 24.5  # about half a second
    assert TAKE_OVER_S < estimate_key_s(400, writes) < GIVE_BACK_S
    choice = measured(120)
    judge(choice, AGREEING_ANSWERS, 900, 120)
    choice.large.tokens_per_s = writes
    assert judge(choice, 1000, 900, 400) == 0
    assert choice.prefers_large
    assert judge(measured(43, writes), 1000, 158, 400) == 0


def test_nothing_is_judged_before_it_is_measured() -> None:
    choice = ModelChoice(RATIO)
    assert judge(choice, 100, 120, 120) == 0
    assert choice.explain("small", "large") == ""


def test_short_answers_do_not_count() -> None:
    pace = WritingPace()
    pace.include(2, 0.001)
    pace.include(10, 0.0)
    assert pace.tokens_per_s == 0
    pace.include(11, 0.1)
    assert pace.tokens_per_s == 100
    pace.include(11, 0.2)
    assert pace.tokens_per_s == 85


@given(st.lists(st.floats(1, 1000), max_size=200))
def test_whatever_is_measured_changes_are_rare(paces: list[float]) -> None:
    choice = ModelChoice(RATIO)
    changes = list[int]()
    for number, pace in enumerate(paces):
        (choice.large if choice.prefers_large else choice.small).include(11, 10 / pace)
        if choice.judge(10 * pace, 5 * pace):
            changes.append(number)
    assert all(later - earlier >= DWELL_ANSWERS for earlier, later in pairwise(changes))
