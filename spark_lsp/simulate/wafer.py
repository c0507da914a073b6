"""A wafer-scale machine as a timing model. Pure.

Theory. The weights are in the memory of the wafer, beside the arithmetic units, so a token's time does not
depend on reading weights. It is the time to pass through the layers one after another: with `L` layers and τ
seconds in each, a *pass* takes `L·τ`. Without speculation a pass yields one token. With speculation a small
model drafts some tokens; one pass checks them all, and yields the right ones and one more: `g` on average, at
most `burst`. So one user sees

    g / (L·τ)  tokens per second,   in bursts of 1 … burst tokens, one burst per pass.

The layers are a pipeline. While one user's token is in one layer, others' tokens are in the others: `L` users
each run at full speed, and the machine gives `1/τ` tokens per second. Beyond that, users share: with `u` of
them each sees `1/(u·τ)`. Drafts use free places in the pipeline; if every place is taken, they gain nothing.
So with speculation `L/g` users run at full speed, and the total is the same.

Reading a prompt of `n` tokens, of which `c` are in the prompt cache, takes `overhead + (n − c) / prefill`.
Context memory (KV) is the memory of the wafers that the weights leave free. A request takes as much of it as
its prompt and its longest answer need, and waits in line, first come first served, while there is not enough.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from spark_lsp.config import Profile
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.table import Architecture, Table

GOLDEN = (math.sqrt(5) - 1) / 2
KV_CONTEXTS = 8  # full contexts of a machine whose memory size is unknown


@dataclass(frozen=True, slots=True)
class Wafer:
    """One machine: seconds, tokens. `copy_tokens_per_s` is the most that all users get together.

    `error` is the relative error to report with each prediction, `worst` the largest observed one.
    """

    name: str
    model: str
    tokens_per_s: float
    copy_tokens_per_s: float
    speculation: float
    burst: int
    context_tokens: int
    kv_tokens: int
    prefill_tokens_per_s: float
    overhead_s: float
    cache_block_tokens: int
    cache_s: float
    error: float
    worst: float

    @property
    def users_at_full_speed(self) -> int:
        """The number of users before any of them slows down."""
        return max(int(self.copy_tokens_per_s / self.tokens_per_s + 1e-9), 1)

    @property
    def first_error(self) -> float:
        """That of the tokens: no source states how fast a wafer reads, so no error of it can be measured."""
        return self.error

    @property
    def most_users(self) -> int:
        """The number of requests that may run at once; only memory limits them."""
        return self.kv_tokens

    def token_s(self, users: int, context_tokens: float = 0.0, prompt_share: float = 0.0) -> float:
        """Seconds per token for each of `users`; in this model, others' context and prompts cost nothing."""
        return max(1 / self.tokens_per_s, users / self.copy_tokens_per_s)

    def pass_s(self, users: int) -> float:
        """Seconds between two bursts of one of `users`."""
        return self.token_s(users) * self.speculation

    def prefill_s(self, tokens: int) -> float:
        """Seconds to read that many tokens of a prompt, without the overhead."""
        return tokens / self.prefill_tokens_per_s

    def at(self, tokens_per_s: float) -> "Wafer":
        """The same machine with another speed per user: same burst size, another time per pass."""
        copy = max(self.copy_tokens_per_s, tokens_per_s)
        return replace(self, tokens_per_s=tokens_per_s, copy_tokens_per_s=copy)


def wafer(name: str, profile: Profile, table: Table) -> Wafer:
    """Make the machine of a profile. Raises `ConfigError` that names the missing or wrong key."""
    architecture = _find_architecture(name, profile, table)
    layers = profile.layers or (architecture.layers if architecture else 0)
    layer_s = table.wafer.layer_us * 1e-6
    if not (profile.tokens_per_s or layers):
        raise _make_config_error(name, "tokens_per_s", "must be given, or `layers`, or `architecture`")
    rate = profile.tokens_per_s or profile.speculation / (layers * layer_s)
    burst = profile.burst or (1 if profile.speculation == 1 else int(table.wafer.burst))
    if burst < profile.speculation:
        raise _make_config_error(name, "burst", f"must be at least `speculation`, {profile.speculation:g}")
    kv = _kv_tokens(name, profile, architecture, table)
    return Wafer(
        name,
        profile.model or f"{name} (simulated)",
        rate,
        max(1 / layer_s, rate),
        profile.speculation,
        burst,
        min(profile.context_tokens, kv),
        kv,
        profile.prefill_tokens_per_s or _compute_prefill_speed(name, architecture, table),
        (table.wafer.overhead_ms if profile.overhead_ms is None else profile.overhead_ms) / 1000,
        int(table.wafer.cache_block_tokens),
        table.wafer.cache_s,
        table.wafer.error_median,
        table.wafer.error_worst,
    )


def _find_architecture(name: str, profile: Profile, table: Table) -> Architecture | None:
    if not profile.architecture:
        return None
    if profile.architecture not in table.architectures:
        known = ", ".join(table.architectures)
        raise _make_config_error(name, "architecture", f"{profile.architecture!r} is not one of: {known}")
    return table.architectures[profile.architecture]


def _kv_tokens(name: str, profile: Profile, architecture: Architecture | None, table: Table) -> int:
    if profile.kv_tokens or architecture is None or not profile.wafers:
        return profile.kv_tokens or KV_CONTEXTS * profile.context_tokens
    weights = architecture.total_params * profile.bytes_per_weight
    free = profile.wafers * table.wafer.memory_bytes - weights
    if free < architecture.kv_bytes_per_token:
        raise _make_config_error(
            name, "wafers", f"{profile.wafers} cannot hold the weights of {architecture.name}"
        )
    return int(free / architecture.kv_bytes_per_token)


def _compute_prefill_speed(name: str, architecture: Architecture | None, table: Table) -> float:
    if architecture is None:
        raise _make_config_error(name, "prefill_tokens_per_s", "must be given, or `architecture`")
    return table.wafer.prefill_flops / (2 * architecture.active_params)


def _make_config_error(name: str, key: str, reason: str) -> ConfigError:
    return ConfigError(f"profiles.{name}.{key} {reason}", "This machine cannot be simulated")


# Bursts.


def acceptance(speculation: float, burst: int) -> float:
    """Return the probability α of a right draft with which a pass yields `speculation` tokens on average.

    A pass yields one token, plus each drafted token as long as all before it were right, at most `burst`:
    on average 1 + α + α² + … + α^(burst − 1).
    """
    low = 0.0
    high = 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if sum(middle**power for power in range(burst)) < speculation:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def bursts(machine: Wafer, seed: int) -> Iterator[int]:
    """Yield the number of tokens of each pass, without end; the same for the same seed.

    The draws are multiples of the golden ratio, offset by the seed. They fill the interval so evenly that a
    stream of a few hundred tokens has the machine's speed; independent random draws would not achieve that.
    """
    alpha = acceptance(machine.speculation, machine.burst)
    thresholds = [alpha**power for power in range(1, machine.burst)]
    chance = started(seed)
    while True:
        yield 1 + sum(chance < threshold for threshold in thresholds)
        chance = (chance + GOLDEN) % 1.0


def schedule(machine: Wafer, users: int, seed: int) -> Iterator[float]:
    """Yield the due time of each token, in seconds after the first; tokens of one burst are due together."""
    every = machine.pass_s(users)
    for number, count in enumerate(bursts(machine, seed)):
        for _ in range(count):
            yield number * every


def started(seed: int) -> float:
    """Return a number in [0, 1) that is far from that of the next seed (SplitMix64)."""
    state = (seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return (state ^ (state >> 31)) / 2**64
