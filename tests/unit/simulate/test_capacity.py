"""Many users on one machine: cases worked out by hand, and what must hold of every trace."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.engine.wafer.machines import machine_of
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.capacity import simulate, summary, users_held
from spark_lsp.simulate.price import Price
from spark_lsp.simulate.trace import Crowd, Job, read_trace, trace_of
from spark_lsp.simulate.wafer import Wafer

# 1,000 tokens/s for each of four users, 4,000 for all; prompts at 100,000 tokens/s after 100 ms.
MACHINE = Wafer(
    "by hand", "m", 1000.0, 4000.0, 1.0, 1, 8192, 16_384, 100_000.0, 0.1, 128, 300.0, error=0.15, worst=1.0
)


def test_one_user() -> None:
    (found,) = simulate(MACHINE, [Job(at=2.0, prompt=1000, output=501)])
    assert found.queue_s == pytest.approx(0)
    assert found.prompt_s == pytest.approx(0.1 + 0.01)
    assert found.completion_s == pytest.approx(0.5)
    assert found.token_s == pytest.approx(0.001)
    assert found.time_info == pytest.approx(
        {"queue_time": 0, "prompt_time": 0.11, "completion_time": 0.5, "total_time": 0.61}
    )


def crowd(count: int) -> list[float]:
    """How long each of so many users' answers takes, when all begin together (prompts are read at once)."""
    machine = replace(MACHINE, prefill_tokens_per_s=1e12)
    found = simulate(machine, [Job(0.0, 100, 1001) for _ in range(count)])
    return [each.completion_s for each in found]


def test_as_many_users_as_the_pipeline_holds_are_as_fast_as_one() -> None:
    assert crowd(4) == pytest.approx([1.0] * 4)


def test_one_user_more_slows_all_of_them() -> None:
    assert crowd(5) == pytest.approx([1.25] * 5, rel=1e-6)


def test_a_user_who_comes_when_another_is_half_way_slows_only_the_rest_of_it() -> None:
    """One at a time at full speed: the second comes when 500 of the first's 1,000 tokens are out."""
    machine = replace(MACHINE, copy_tokens_per_s=1000.0, prefill_tokens_per_s=1e12, overhead_s=0.0)
    one, other = simulate(machine, [Job(0.0, 1, 1001), Job(0.5, 1, 1001)])
    assert one.completion_s == pytest.approx(0.5 + 1.0)
    assert other.completion_s == pytest.approx(1.0 + 0.5)


def test_who_finds_the_memory_full_waits_for_the_first_to_end() -> None:
    """Two jobs of 8,000 tokens fit into 16,384; the third begins when the first has ended."""
    machine = replace(MACHINE, prefill_tokens_per_s=1e12)
    jobs = [Job(0.0, 7000, 1001), Job(0.0, 7000, 1001), Job(0.0, 7000, 501), Job(0.0, 10, 11)]
    found = simulate(machine, jobs)
    assert [each.queue_s for each in found[:2]] == pytest.approx([0, 0])
    assert found[2].queue_s == pytest.approx(1.0)
    assert found[3].queue_s == pytest.approx(1.0)  # it would fit, but is behind in the line: nobody starves


def test_a_prompt_that_begins_as_an_earlier_one_is_read_only_from_there() -> None:
    """1,000 tokens, of which the first 640 are 5 whole blocks of what the user sent before."""
    jobs = [Job(at, 1000, 11, "user", 700) for at in (0.0, 1.0, 400.0)]
    first, again, late = simulate(MACHINE, jobs)
    assert (first.cached, again.cached, late.cached) == (0, 640, 0)
    assert again.prompt_s == pytest.approx(0.1 + 0.0036)


def test_who_is_longer_than_the_context_is_refused_and_holds_up_nobody() -> None:
    long, short = simulate(MACHINE, [Job(0.0, 8000, 300), Job(0.0, 1000, 11)])
    assert long.refused
    assert not short.refused
    assert summary(MACHINE, [long, short]).refused == 1


def test_users_held_are_bounded_by_memory_too() -> None:
    assert users_held(MACHINE, 100) == 4
    assert users_held(MACHINE, 8000) == 2
    assert users_held(machine_of("gpt-oss-120b", {}), 131_072) == 7


jobs_ = st.lists(
    st.builds(
        Job,
        at=st.floats(0, 60),
        prompt=st.integers(1, 7000),
        output=st.integers(1, 2000),
        prefix=st.sampled_from(["", "a", "b"]),
        prefix_tokens=st.integers(0, 8000),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(jobs_, st.sampled_from(["by hand", "codex-spark", "h100_sxm/x2/llama8b"]))
def test_every_job_ends_in_order_and_nobody_gets_more_than_the_machine_gives(
    jobs: list[Job], name: str
) -> None:
    machine = MACHINE if name == "by hand" else machine_of(name, {})
    served = simulate(machine, jobs)
    assert [each.job for each in served] == jobs  # as many out as in: nobody is lost
    answered = [each for each in served if not each.refused]
    for each in answered:
        assert min(each.queue_s, each.prompt_s, each.completion_s) >= -1e-6
        assert each.prompt_s >= machine.overhead_s - 1e-6
        assert each.completion_s >= (each.job.output - 1) * machine.token_s(1) * (1 - 1e-6)
        assert each.cached < each.job.prompt
    by_arrival = sorted(answered, key=lambda each: each.job.at)
    begun = [each.job.at + each.queue_s for each in by_arrival]
    assert all(one <= other + 1e-6 for one, other in itertools.pairwise(begun))


@settings(deadline=None)
@given(jobs_)
def test_the_same_trace_comes_to_the_same(jobs: list[Job]) -> None:
    assert simulate(MACHINE, jobs) == simulate(MACHINE, jobs)


def test_a_made_up_trace_is_the_same_for_a_seed_and_as_asked_for() -> None:
    crowd = Crowd(users=20, per_minute=6, prompt=1000, output=100, shared=0.5, minutes=10)
    jobs = trace_of(crowd)
    assert jobs == trace_of(crowd)
    assert jobs != trace_of(replace(crowd, seed=1))
    assert len(jobs) == pytest.approx(1200, rel=0.1)
    assert all(500 <= job.prompt <= 2000 and 50 <= job.output <= 200 for job in jobs)
    assert max(job.at for job in jobs) <= 600
    assert {job.prefix_tokens * 2 - job.prompt for job in jobs} <= {0, -1}


def test_a_trace_is_read_and_summed_up_with_its_price() -> None:
    text = "at,prompt_tokens,output_tokens,prefix,prefix_tokens\n0,1000,101,u,500\n10,1000,101,,\n"
    jobs = read_trace(text)
    assert jobs == [Job(0, 1000, 101, "u", 500), Job(10, 1000, 101)]
    found = summary(MACHINE, simulate(MACHINE, jobs), Price(1.0, 10.0))
    assert found.cost == pytest.approx((2000 * 1 + 202 * 10) / 1e6)
    assert found.requests == 2
    assert found.total_s[0] == pytest.approx(0.21)
    assert found.tokens_per_s == pytest.approx(202 / 10.21)


def test_nothing_comes_to_nothing() -> None:
    assert summary(MACHINE, simulate(MACHINE, [])).tokens_per_s == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no request"),
        ("at,prompt_tokens,output_tokens\n", "holds no request"),
        ("at,prompt_tokens\n1,2\n", "Line 1 of the trace .* column 'output_tokens' is missing"),
        ("at,prompt_tokens,output_tokens\n1,2,3\n-1,2,3\n", "Line 3 of the trace"),
        ("at,prompt_tokens,output_tokens\nnan,2,3\n", "Line 2 of the trace"),
        ("at,prompt_tokens,output_tokens\n1,2,zero\n", "Line 2 of the trace"),
        ("at,prompt_tokens,output_tokens\n1,2,0\n", "Line 2 of the trace"),
    ],
)
def test_a_trace_that_cannot_be_read_is_refused_by_its_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_trace(text)
