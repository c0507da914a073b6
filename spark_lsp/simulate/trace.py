"""A trace: the times and sizes of requests, generated from a few numbers or read from a file. Pure."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass

from spark_lsp.errors import ConfigError
from spark_lsp.simulate.wafer import started


@dataclass(frozen=True, slots=True)
class Job:
    """One request of a trace: seconds, tokens. Requests with one `prefix` begin with the same tokens."""

    at: float
    prompt: int
    output: int
    prefix: str = ""
    prefix_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Crowd:
    """A synthetic trace: `users` who each send `per_minute` requests at random times."""

    users: int
    per_minute: float
    prompt: int
    output: int
    shared: float  # the share of a prompt that is the same in each request of a user
    minutes: float
    seed: int = 0


def trace_of(crowd: Crowd) -> list[Job]:
    """Generate the trace: times by a Poisson process, lengths within a factor of two; the same for a seed."""
    jobs: list[Job] = []
    for user in range(crowd.users):
        chances = _yield_chances(crowd.seed * 1_000_003 + user)
        now = 0.0
        while True:
            now += -math.log(1 - next(chances)) * 60 / crowd.per_minute
            if now > crowd.minutes * 60:
                break
            prompt = max(int(crowd.prompt * 2 ** (2 * next(chances) - 1)), 1)
            output = max(int(crowd.output * 2 ** (2 * next(chances) - 1)), 1)
            jobs.append(Job(now, prompt, output, f"user {user}", int(crowd.shared * prompt)))
    return sorted(jobs, key=lambda job: job.at)


def _yield_chances(seed: int) -> Iterator[float]:
    """Yield pseudo-random numbers in [0, 1)."""
    number = seed
    while True:
        yield started(number)
        number += 7_919


def read_trace(text: str) -> list[Job]:
    """Read a trace: CSV with `at,prompt_tokens,output_tokens` and, if given, `prefix,prefix_tokens`.

    Raises `ConfigError` that names the line.
    """
    reader = csv.DictReader(text.splitlines())
    jobs: list[Job] = []
    for row in reader:
        try:
            jobs.append(_make_job(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"Line {reader.line_num} of the trace cannot be read ({error})",
                "Nothing was simulated",
                "Give at (seconds), prompt_tokens, output_tokens, and if you like prefix, prefix_tokens",
            ) from error
    if not jobs:
        raise ConfigError("The trace holds no request", "Nothing was simulated")
    return jobs


def _make_job(row: dict[str, str]) -> Job:
    at = float(row["at"])
    prompt = int(row["prompt_tokens"])
    output = int(row["output_tokens"])
    shared = int(row.get("prefix_tokens") or 0)
    if not math.isfinite(at) or min(at, prompt - 1, output - 1, shared) < 0:
        raise ValueError("times and counts must not be negative, and lengths at least 1")
    return Job(at, prompt, output, row.get("prefix") or "", shared)
