"""Computes the effect of token speed on an editing session. Pure.

A recorded session is a list of steps: the user thinks, types, waits for a suggestion or an edit, or waits
for tools (tests, builds). Only one part of one kind of step depends on the speed of tokens. So the
session is faster by

    (others + first tokens + tokens/slow) / (others + first tokens + tokens/fast),

which is Amdahl's law, and much less than fast/slow. The model assumes that the user waits for the end of each
answer.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.errors import ConfigError

KINDS = ("think", "type", "tool", "complete", "edit")
ASKING = ("complete", "edit")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the seconds of the user or a tool; tokens if the step uses an engine."""

    kind: str
    seconds: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed of an engine: seconds before it reads a prompt, tokens per second read and written."""

    tokens_per_s: float
    prefill_tokens_per_s: float
    overhead_s: float


@dataclass(frozen=True, slots=True)
class Felt:
    """Where a session's seconds go at one pace. `speed_up` is against the slowest pace."""

    tokens_per_s: float
    thinking_s: float
    typing_s: float
    tools_s: float
    first_token_s: float
    tokens_s: float
    rate_ratio: float = 1.0
    waiting_speed_up: float = 1.0
    speed_up: float = 1.0

    @property
    def waiting_s(self) -> float:
        """Seconds of waiting for an engine."""
        return self.first_token_s + self.tokens_s

    @property
    def total_s(self) -> float:
        """Seconds of the whole session."""
        return self.thinking_s + self.typing_s + self.tools_s + self.waiting_s


def read_session(text: str) -> list[Step]:
    """Read a session: CSV with `kind,seconds,prompt_tokens,output_tokens`; `#` begins a comment.

    Raises `ConfigError` that names the line.
    """
    reader = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    steps: list[Step] = []
    for row in reader:
        try:
            steps.append(_read_step(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"Line {reader.line_num} of the session, comments apart, cannot be read ({error})",
                "Nothing was replayed",
                f"Give kind ({', '.join(KINDS)}), seconds, prompt_tokens, output_tokens",
            ) from error
    if not steps:
        raise ConfigError("The session holds no step", "Nothing was replayed")
    return steps


def _read_step(row: dict[str, str]) -> Step:
    kind = row["kind"]
    seconds = float(row.get("seconds") or 0)
    prompt = int(row.get("prompt_tokens") or 0)
    output = int(row.get("output_tokens") or 0)
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of step")
    if not math.isfinite(seconds) or min(seconds, prompt, output) < 0:
        raise ValueError("seconds and tokens must not be negative")
    return Step(kind, seconds, prompt, output)


def split_time(steps: Sequence[Step], pace: Pace) -> Felt:
    """Return where the seconds of a session go."""
    asked = [step for step in steps if step.kind in ASKING]
    seconds = {kind: math.fsum(s.seconds for s in steps if s.kind == kind) for kind in KINDS}
    first = math.fsum(pace.overhead_s + step.prompt_tokens / pace.prefill_tokens_per_s for step in asked)
    tokens = math.fsum(step.output_tokens for step in asked) / pace.tokens_per_s
    return Felt(pace.tokens_per_s, seconds["think"], seconds["type"], seconds["tool"], first, tokens)


def compare_paces(steps: Sequence[Step], paces: Sequence[Pace]) -> list[Felt]:
    """Return the session at each pace, the slowest first; each is compared with that one."""
    sorted_paces = sorted(paces, key=lambda pace: pace.tokens_per_s)
    sessions = [split_time(steps, pace) for pace in sorted_paces]
    slow = sessions[0]
    return [
        Felt(
            each.tokens_per_s,
            each.thinking_s,
            each.typing_s,
            each.tools_s,
            each.first_token_s,
            each.tokens_s,
            each.tokens_per_s / slow.tokens_per_s,
            _divide_times(slow.waiting_s, each.waiting_s),
            _divide_times(slow.total_s, each.total_s),
        )
        for each in sessions
    ]


def _divide_times(slow: float, fast: float) -> float:
    return slow / fast if fast else 1.0
