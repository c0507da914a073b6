"""Plans of many machines: worked cases, conservation, and monotony."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.engine.wafer.machines import machine_of
from spark_lsp.simulate.cache import PromptCache
from spark_lsp.simulate.capacity import simulate
from spark_lsp.simulate.fleet import Pace, Run, home_machine, simulate_plan
from spark_lsp.simulate.forecast import forecast, percentiles, total_s
from spark_lsp.simulate.plan import Group, Plan, Rule
from spark_lsp.simulate.prefix_cache import PrefixCache
from spark_lsp.simulate.station import NOBODY
from spark_lsp.simulate.trace import Crowd, Job, merge_traces, trace_of
from spark_lsp.simulate.wafer import Wafer

# 1,000 tokens/s for each of four users, 4,000 for all; prompts at 100,000 tokens/s after 100 ms.
WAFER = Wafer("w", "m", 1000.0, 4000.0, 1.0, 1, 8192, 16_384, 1e5, 0.1, 128, 300.0, error=0.25, worst=1.0)
LARGE = replace(WAFER, name="large", context_tokens=60_000, kv_tokens=120_000, tokens_per_s=100.0, error=0.1)
GPU = machine_of("h100_sxm/x2/llama8b", {})


def plan(*rules: Rule, wafers: int = 2, large: int = 1) -> Plan:
    return Plan("p", (Group("w", WAFER, wafers), Group("large", LARGE, large)), rules)


def places(run: Run) -> list[str]:
    """The group of each request."""
    names = {
        station.number: group.name
        for group, stations in zip(run.plan.groups, run.groups, strict=True)
        for station in stations
    }
    return [names.get(station, "refused") for station in run.times.station]


def test_rules_select_the_group() -> None:
    rules = (Rule("large", kind="edit", effort="deep"), Rule("large", context_over=3000))
    jobs = [
        Job(0.0, 100, 10, kind="edit", effort="deep"),
        Job(0.1, 100, 10, kind="edit", effort="balanced"),
        Job(0.2, 100, 10, kind="completion", effort="deep"),
        Job(0.3, 3000, 10),
        Job(0.4, 2990, 10),
    ]
    run = simulate_plan(plan(*rules), jobs)
    assert places(run) == ["large", "w", "w", "large", "w"]
    assert run.moved == (1, 1)


def test_a_request_beyond_a_context_goes_to_the_first_machine_that_holds_it() -> None:
    run = simulate_plan(plan(), [Job(0.0, 9000, 10), Job(0.0, 70_000, 10), Job(0.0, 10, 10)])
    assert places(run) == ["large", "refused", "w"]
    assert [home_machine(run.plan, job) for job in run.jobs] == [LARGE, None, WAFER]


def test_requests_spill_only_while_the_first_group_has_a_queue() -> None:
    """One prompt of 8,000 tokens takes 80 ms to read; three of them together make a wait of over 100 ms."""
    rule = Rule("large", wait_over_s=0.1)
    jobs = [*(Job(0.01 * n, 8000, 10) for n in range(4)), Job(0.135, 10, 10), Job(9.0, 10, 10)]
    run = simulate_plan(plan(rule, wafers=1), jobs)
    assert places(run) == ["w", "w", "w", "w", "large", "w"]
    assert run.moved == (1,)


def test_a_user_stays_with_the_machine_that_has_the_prefix() -> None:
    jobs = [Job(float(n), 1000, 10, f"user {n % 2}", 900) for n in range(6)]
    run = simulate_plan(plan(), jobs)
    assert list(run.times.cached) == [0, 0, *[896] * 4]


def test_a_user_leaves_a_machine_that_is_much_busier() -> None:
    jobs = [Job(0.0, 100, 2000, "one user", 90) for _ in range(8)]
    run = simulate_plan(plan(), jobs)
    assert set(run.times.station) == {0, 1}


def test_equal_machines_share_the_load() -> None:
    """Eight users on two machines for four each are as fast as one."""
    jobs = [Job(0.0, 100, 1001) for _ in range(8)]
    fast = Plan("p", (Group("w", replace(WAFER, prefill_tokens_per_s=1e12), 2),))
    run = simulate_plan(fast, jobs)
    assert total_s(run, range(8)) == pytest.approx([1.1] * 8)


def test_one_machine_is_the_capacity_simulation() -> None:
    jobs = trace_of(Crowd(30, 20, 2000, 300, 0.5, 1))
    run = simulate_plan(Plan("p", (Group("w", WAFER, 1),)), jobs)
    assert total_s(run, range(len(jobs))) == pytest.approx([each.total_s for each in simulate(WAFER, jobs)])


jobs_ = st.lists(
    st.builds(
        Job,
        at=st.floats(0, 60),
        prompt=st.integers(1, 9000),
        output=st.integers(1, 2000),
        prefix=st.sampled_from(["", "a", "b"]),
        prefix_tokens=st.integers(0, 8000),
        kind=st.sampled_from(["", "edit", "completion"]),
        effort=st.sampled_from(["", "deep"]),
    ),
    max_size=40,
).map(lambda jobs: sorted(jobs, key=lambda job: job.at))
rules_ = st.lists(
    st.sampled_from(
        [Rule("gpu", kind="edit"), Rule("gpu", context_over=4000), Rule("gpu", wait_over_s=0.05), Rule("w")]
    ),
    max_size=3,
    unique=True,
).map(lambda rules: sorted(rules, key=lambda rule: rule == Rule("w")))


@settings(deadline=None, max_examples=60)
@given(jobs_, rules_, st.integers(1, 3), st.sampled_from([-1.0, 0.0, 1.0]))
def test_nothing_is_lost_and_no_machine_gives_more_than_it_has(
    jobs: list[Job], rules: list[Rule], count: int, errors: float
) -> None:
    groups = (Group("w", WAFER, count), Group("gpu", GPU, 1))
    run = simulate_plan(Plan("p", groups, tuple(rules)), jobs, Pace(errors))
    answered = [number for number in range(len(jobs)) if run.times.station[number] != NOBODY]
    assert all(math.isnan(run.times.last[n]) for n in range(len(jobs)) if n not in answered)
    totals = total_s(run, answered)
    assert all(total > 0 for total in totals)  # every request that is not refused has an end
    for station in run.stations:
        here = [number for number in answered if run.times.station[number] == station.number]
        assert station.load == station.present == 0
        # Little's law: the requests in the machine, integrated over time, are the sum of their times there.
        spent = math.fsum(run.times.last[n] - jobs[n].at - station.delay for n in here)
        assert station.present_s == pytest.approx(spent, rel=1e-6, abs=1e-6)
        # Every token is delivered once; the first of each answer comes with its prompt.
        tokens = sum(jobs[number].output - 1 for number in here)
        assert station.delivered == pytest.approx(tokens, rel=1e-6, abs=1e-3)
        assert station.reading_s <= station.busy_s + 1e-9
        assert station.busy_s <= station.now + 1e-9
        fastest = 1 / WAFER.copy_tokens_per_s * Pace(errors).token_factor(WAFER)
        if station.machine is WAFER:
            assert tokens * fastest <= station.busy_s * (1 + 1e-6) + 1e-6


@settings(deadline=None, max_examples=30)
@given(jobs_)
def test_a_plan_comes_to_the_same_again(jobs: list[Job]) -> None:
    there = plan(Rule("large", wait_over_s=0.05))
    assert repr(forecast(there, jobs)) == repr(forecast(there, jobs))  # NaN is not equal to itself


CROWD = Crowd(users=120, per_minute=30, prompt=2000, output=300, shared=0.8, minutes=1)


def test_more_machines_and_faster_machines_are_never_worse() -> None:
    """Four seconds of work arrive each second: one machine is far too few, five are enough."""
    jobs = trace_of(CROWD)
    waits = list[float]()
    for count in range(1, 8):
        run = simulate_plan(Plan("p", (Group("w", WAFER, count),)), jobs)
        waits.append(percentiles(total_s(run, range(len(jobs))))[1])
    assert waits[0] > 10 * waits[-1]
    assert all(more <= fewer * 1.02 for fewer, more in itertools.pairwise(waits))
    bars = forecast(Plan("p", (Group("w", WAFER, 4),)), jobs).all
    for bar in (*bars.ttft_s, *bars.token_s, *bars.total_s, *bars.queue_s):
        assert bar.low <= bar.value <= bar.high


def test_error_bars_are_the_machines_errors_where_nobody_waits() -> None:
    jobs = [Job(100.0 * n, 1000, 501) for n in range(5)]
    found = forecast(Plan("p", (Group("w", WAFER, 1),)), jobs)
    bar = found.all.total_s[0]
    assert (bar.value, bar.low, bar.high) == pytest.approx((0.61, 0.61 / 1.25, 0.61 * 1.25))


def test_a_trace_of_kinds_is_reported_by_kind() -> None:
    crowds = [CROWD, replace(CROWD, output=20, kind="completion", seed=1)]
    found = forecast(plan(Rule("large", kind="edit")), merge_traces(map(trace_of, crowds)))
    assert set(found.kinds) == {"completion", "edit"}
    assert found.kinds["completion"].total_s[0].value < found.kinds["edit"].total_s[0].value
    assert sum(each.requests for each in found.kinds.values()) == found.requests
    assert found.groups[0].requests_share + found.groups[1].requests_share == pytest.approx(1)


def test_the_queue_over_time_is_the_wait_of_all_requests() -> None:
    """The area below the curve is the sum of the waits before the prompts are read."""
    jobs = trace_of(CROWD)
    there = Plan("p", (Group("w", WAFER, 2),))
    found, run = forecast(there, jobs), simulate_plan(there, jobs)
    area = sum(bar.value for bar in found.queue.waiting) * found.queue.step_s
    waits = [run.times.begun[n] - job.at - WAFER.overhead_s for n, job in enumerate(jobs)]
    assert area == pytest.approx(math.fsum(waits), rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 900), st.integers(1, 900)), max_size=30
    )
)
def test_the_prefix_cache_is_the_prompt_cache_while_nothing_is_dropped(
    prompts: list[tuple[str, int, int]],
) -> None:
    exact, quick = PromptCache(16, math.inf, 10**6), PrefixCache(16, math.inf, 10**6)
    for number, (prefix, shared, tokens) in enumerate(prompts):
        blocks = min(shared, tokens) // 16 if prefix else 0
        keys = [(prefix if at < blocks else f"\0{number}", at) for at in range(tokens // 16)]
        assert quick.take(prefix, shared, tokens, number) == exact.take(keys, tokens, number)
    assert quick.blocks == len(exact._used)  # type: ignore[attr-defined]


def test_the_prefix_cache_drops_the_oldest_and_the_expired() -> None:
    cache = PrefixCache(10, 60.0, 20)
    assert cache.take("a", 100, 100, 0.0) == 0
    assert cache.take("a", 100, 101, 1.0) == 100
    assert cache.take("b", 110, 110, 2.0) == 0  # 21 blocks: "a" is dropped
    assert cache.blocks == 11
    assert cache.take("a", 50, 50, 3.0) == 0
    assert cache.take("b", 110, 111, 63.0) == 0  # expired
    assert cache.blocks == 16
