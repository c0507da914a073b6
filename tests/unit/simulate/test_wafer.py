"""The timing model of the wafer, against cases worked out by hand, and what must hold of every schedule."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.config import Profile
from spark_lsp.engine.wafer.machines import table, wafer_of
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.wafer import Wafer, acceptance, bursts, schedule, wafer

# 40 layers of 25 µs: a pass takes 1 ms, so one user without speculation gets 1,000 tokens a second.
MACHINE = Wafer(
    name="by hand",
    model="m",
    tokens_per_s=1000.0,
    copy_tokens_per_s=40_000.0,
    speculation=1.0,
    burst=1,
    context_tokens=8192,
    kv_tokens=32_768,
    prefill_tokens_per_s=100_000.0,
    overhead_s=0.1,
    cache_block_tokens=128,
    cache_s=300.0,
    error=0.15,
    worst=1.0,
)
DRAFTED = replace(MACHINE, speculation=2.0, burst=4)


def first(machine: Wafer, count: int, users: int = 1, seed: int = 0) -> list[float]:
    return list(islice(schedule(machine, users, seed), count))


def test_one_user_gets_a_token_a_pass() -> None:
    assert MACHINE.token_s(1) == pytest.approx(0.001)
    assert first(MACHINE, 4) == pytest.approx([0.0, 0.001, 0.002, 0.003])


def test_as_many_users_as_layers_go_at_full_speed_and_one_more_slows_all() -> None:
    assert MACHINE.users_at_full_speed == 40
    assert MACHINE.token_s(40) == pytest.approx(0.001)
    assert MACHINE.token_s(41) == pytest.approx(41 / 40_000)
    assert 41 / MACHINE.token_s(41) == pytest.approx(40_000)  # all together: one token each 25 µs


def test_a_pass_with_speculation_gives_a_burst_and_lasts_as_long_as_its_mean() -> None:
    assert DRAFTED.pass_s(1) == pytest.approx(0.002)
    due = first(DRAFTED, 1000)
    assert len(set(due)) < 600  # bursts: many tokens share a moment
    assert due[-1] == pytest.approx(1.0, rel=0.01)


def test_a_prompt_is_read_at_its_own_speed() -> None:
    assert MACHINE.prefill_s(2000) == pytest.approx(0.02)


def test_the_layers_model_gives_a_profile_its_speed() -> None:
    found = wafer("mine", Profile(layers=50, prefill_tokens_per_s=1e5), table())
    tau = table().wafer.layer_us * 1e-6
    assert found.tokens_per_s == pytest.approx(1 / (50 * tau))
    assert found.users_at_full_speed == 50
    assert found.kv_tokens == 8 * 131_072


def test_memory_beside_the_weights_holds_the_context() -> None:
    """gpt-oss-120b on three wafers: 132 GB less 61.9 GB of weights, at 73.7 kB a token."""
    found = wafer_of("gpt-oss-120b", {})
    assert found.kv_tokens == pytest.approx((132e9 - 116.8e9 * 0.53) / (2048 * 36), abs=1)
    assert found.kv_tokens // 8192 == 116
    assert found.kv_tokens // 131_072 == 7


@pytest.mark.parametrize(
    ("name", "speed", "context"),
    [
        ("codex-spark", 1000, 131_072),
        ("gpt-oss-120b", 3000, 131_072),
        ("qwen3-coder-480b", 2000, 131_072),
        ("llama3.1-8b", 2200, 32_768),
    ],
)
def test_the_shipped_profiles(name: str, speed: float, context: int) -> None:
    found = wafer_of(name, {})
    assert (found.tokens_per_s, found.context_tokens) == (speed, context)
    assert found.error > 0.1


def test_codex_spark_bursts_to_four_thousand() -> None:
    found = wafer_of("codex-spark", {})
    assert found.burst / found.pass_s(1) == pytest.approx(4000, rel=0.02)


def test_the_anchors_of_the_first_token() -> None:
    for architecture, expected_ms in (("llama70b", 170), ("llama405b", 240)):
        found = wafer("x", Profile(architecture=architecture), table())
        assert (found.overhead_s + found.prefill_s(1000)) * 1e3 == pytest.approx(expected_ms, abs=1)


def test_another_speed_keeps_the_bursts() -> None:
    found = wafer_of("codex-spark", {}).at(4000)
    assert (found.tokens_per_s, found.burst) == (4000, 7)
    assert found.at(1e6).token_s(1) == 1e-6


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        (Profile(), "profiles.x.tokens_per_s must be given"),
        (Profile(tokens_per_s=9), "profiles.x.prefill_tokens_per_s must be given"),
        (
            Profile(tokens_per_s=9, architecture="none"),
            "profiles.x.architecture 'none' is not one of: llama8b",
        ),
        (Profile(tokens_per_s=9, speculation=3, burst=2), "profiles.x.burst must be at least"),
        (Profile(architecture="llama405b", wafers=1), "profiles.x.wafers 1 cannot hold the weights"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_by_its_key(profile: Profile, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        wafer("x", profile, table())


def test_an_unknown_profile_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"There is no profile 'fast'.*codex-spark.*mine"):
        wafer_of("fast", {"mine": Profile(tokens_per_s=1)})


def test_the_chance_of_a_draft_follows_from_the_mean() -> None:
    alpha = acceptance(2.0, 4)
    assert 1 + alpha + alpha**2 + alpha**3 == pytest.approx(2.0)
    assert acceptance(1.0, 4) == pytest.approx(0.0, abs=1e-9)


machines: st.SearchStrategy[Wafer] = st.builds(
    lambda rate, gain, more: replace(MACHINE, tokens_per_s=rate, speculation=gain, burst=int(gain) + more),
    st.floats(1, 10_000),
    st.floats(1, 6),
    st.integers(1, 8),
)


@given(machines, st.integers(1, 300), st.integers(-(2**40), 2**40))
def test_time_is_monotone_and_the_mean_speed_is_the_machine_s(machine: Wafer, users: int, seed: int) -> None:
    due = first(machine, 600, users, seed)
    assert due[0] == 0
    assert all(one <= other for one, other in pairwise(due))
    expected = 599 * machine.token_s(users)
    assert abs(due[-1] - expected) <= 0.03 * expected + 2 * machine.pass_s(users)


@given(machines, st.integers(0, 2**40))
def test_a_seed_always_gives_the_same_bursts_within_their_bound(machine: Wafer, seed: int) -> None:
    counts = list(islice(bursts(machine, seed), 200))
    assert counts == list(islice(bursts(machine, seed), 200))
    assert all(1 <= count <= machine.burst for count in counts)


def test_other_seeds_give_other_bursts() -> None:
    def some(seed: int) -> Iterator[int]:
        return islice(bursts(DRAFTED, seed), 50)

    assert len({tuple(some(seed)) for seed in range(20)}) > 15


@given(machines, st.integers(1, 500))
def test_more_users_never_make_anyone_faster(machine: Wafer, users: int) -> None:
    assert machine.token_s(users + 1) >= machine.token_s(users)
    assert users / machine.token_s(users) <= machine.copy_tokens_per_s * (1 + 1e-9) or users == 1
