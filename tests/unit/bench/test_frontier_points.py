"""Success against seconds: intervals, the simulated pace, comparisons, and which engine is best."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.bench.frontier_points import (
    Series,
    Tokens,
    Trial,
    compare,
    median_range,
    paired_difference,
    share_range,
    simulate_pace,
    summarize,
)
from spark_lsp.budget.prices import Price
from spark_lsp.engine.wafer.machines import wafer_of

SIZES = st.integers(1, 300)


def series(name: str, *trials: tuple[bool, float], tasks: str = "edits") -> Series:
    made = [Trial(str(number), solved, seconds) for number, (solved, seconds) in enumerate(trials)]
    return Series(name, tasks, tuple(made))


def test_a_share_has_the_published_interval() -> None:
    # Newcombe 1998, table I: 81 of 263, and 0 of 20, by the score method without continuity correction.
    assert share_range(81, 263) == pytest.approx((25.53, 36.62), abs=0.01)
    assert share_range(0, 20) == pytest.approx((0.0, 16.11), abs=0.01)


@given(SIZES, st.floats(0, 1))
def test_a_share_lies_in_its_interval(count: int, share: float) -> None:
    successes = round(count * share)
    low, high = share_range(successes, count)
    assert 0 <= low <= 100 * successes / count + 1e-9
    assert 100 * successes / count - 1e-9 <= high <= 100


@pytest.mark.parametrize(("count", "rank"), [(5, 1), (6, 1), (10, 2), (20, 6), (60, 22)])
def test_a_median_lies_between_the_tabulated_ranks(count: int, rank: int) -> None:
    # Ranks of the sign test's 95 % interval, Conover 1999, table A3 by B(n, 1/2).
    values = [float(number) for number in range(1, count + 1)]
    assert median_range(values) == (rank, count + 1 - rank)


def test_a_paired_difference_counts_only_tasks_with_different_ends() -> None:
    pairs = [(True, False)] * 8 + [(False, True)] * 2 + [(True, True)] * 30 + [(False, False)] * 60
    difference, (low, high) = paired_difference(pairs)
    assert difference == pytest.approx(6.0)
    # By hand: p12 = 9/102, p21 = 3/102; 0.0588 ± 1.96 · sqrt((0.1176 − 0.0588²)/102)
    assert (low, high) == pytest.approx((-0.68, 12.44), abs=0.01)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_a_difference_reversed_is_its_negative(pairs: list[tuple[bool, bool]]) -> None:
    there, (low, high) = paired_difference(pairs)
    back, (low_back, high_back) = paired_difference([(other, one) for one, other in pairs])
    assert there == pytest.approx(-back)
    assert (low, high) == pytest.approx((-high_back, -low_back))
    assert low <= high


def test_an_engine_is_best_if_no_faster_one_solves_as_many() -> None:
    quick = series("quick", (True, 1.0), (False, 1.0))
    slow = series("slow", (True, 5.0), (False, 5.0))
    good = series("good", (True, 9.0), (True, 9.0))
    other = series("other", (True, 99.0), tasks="lines")
    best = {point.engine: point.best for point in summarize([quick, slow, good, other])}
    assert best == {"quick": True, "slow": False, "good": True, "other": True}


def test_a_simulated_pace_replaces_the_engines_share_of_the_wait_alone() -> None:
    wafer = wafer_of("codex-spark", {})
    tokens = Tokens(read=3000, cached=2900, written=200, requests=2)
    real = Series("laptop", "edits", (Trial("a", True, 10.0, 9.5, tokens),), Price(1.0, 2.0))
    [trial] = simulate_pace(real, wafer).trials
    expected = 0.5 + 2 * wafer.overhead_s + 3000 / wafer.prefill_tokens_per_s + 200 / wafer.tokens_per_s
    assert trial.seconds == pytest.approx(expected)
    assert trial.solved
    [point] = summarize([simulate_pace(real, wafer)])
    assert point.simulated
    assert point.cost is None  # the price was the laptop's
    assert point.seconds_range == pytest.approx((expected * (1 - wafer.error), expected * (1 + wafer.error)))


def test_money_is_for_a_hundred_tasks() -> None:
    trials = tuple(Trial(str(n), True, 1.0, 1.0, Tokens(1_000_000, 0, 500_000, 1)) for n in range(4))
    [point] = summarize([Series("gpu", "edits", trials, Price(1.0, 4.0))])
    assert point.cost == pytest.approx(300.0)


def test_the_faster_engine_of_a_pair_is_compared_with_the_slower() -> None:
    quick = series("quick", (True, 1.0), (False, 1.0), (False, 1.0))
    good = series("good", (True, 4.0), (True, 4.0), (False, 4.0))
    [found] = compare([good, quick])
    assert (found.faster, found.slower, found.count) == ("quick", "good", 3)
    assert found.speed_up == pytest.approx(4.0)
    assert found.difference == pytest.approx(-100 / 3)
    assert found.difference_range[0] < found.difference < found.difference_range[1]


def test_only_the_same_tasks_are_compared() -> None:
    assert compare([series("a", (True, 1.0)), series("b", (True, 1.0), tasks="lines")]) == []


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=80))
def test_a_median_lies_in_its_interval(values: list[float]) -> None:
    low, high = median_range(values)
    ordered = sorted(values)
    middle = ordered[(len(ordered) - 1) // 2]
    assert low <= middle <= high
    assert math.isfinite(low)
