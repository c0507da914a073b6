"""A trace: the times and sizes of requests, generated from a few numbers or read from a file. Pure."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spark_lsp.errors import ConfigError
from spark_lsp.simulate.wafer import started

KINDS = ("completion", "edit")
EFFORTS = ("fast", "balanced", "deep")
MAX_ROWS = 1_000_000
MOST = 10**9  # seconds, and tokens: far beyond every machine, and exact in floating point
NEEDED = ("at", "prompt_tokens", "output_tokens")
COLUMNS = (*NEEDED, "prefix", "prefix_tokens", "kind", "effort")
FORM = (
    "Give at (seconds), prompt_tokens, output_tokens, and if you like prefix, prefix_tokens, "
    "kind (completion or edit), effort (fast, balanced or deep)"
)


@dataclass(frozen=True, slots=True)
class Job:
    """One request of a trace: seconds, tokens. Requests with one `prefix` begin with the same tokens.

    `kind` and `effort` are those of `KINDS` and `EFFORTS`, or empty if the trace does not name them.
    """

    at: float
    prompt: int
    output: int
    prefix: str = ""
    prefix_tokens: int = 0
    kind: str = ""
    effort: str = ""


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
    kind: str = "edit"
    effort: str = "balanced"


def trace_of(crowd: Crowd) -> list[Job]:
    """Generate the trace: times by a Poisson process, lengths within a factor of two; the same for a seed."""
    jobs: list[Job] = []
    end = crowd.minutes * 60
    for user in range(crowd.users):
        chances = _yield_chances(crowd.seed * 1_000_003 + user)
        name = f"user {user}"
        now = 0.0
        while True:
            now += -math.log(1 - next(chances)) * 60 / crowd.per_minute
            if now > end:
                break
            prompt = max(int(crowd.prompt * 2 ** (2 * next(chances) - 1)), 1)
            output = max(int(crowd.output * 2 ** (2 * next(chances) - 1)), 1)
            shared = int(crowd.shared * prompt)
            jobs.append(Job(now, prompt, output, name, shared, crowd.kind, crowd.effort))
    return sorted(jobs, key=_get_start)


def merge_traces(traces: Iterable[Sequence[Job]]) -> list[Job]:
    """Return the requests of several traces in the order of their times."""
    return sorted((job for jobs in traces for job in jobs), key=_get_start)


def _get_start(job: Job) -> float:
    return job.at


def _yield_chances(seed: int) -> Iterator[float]:
    """Yield pseudo-random numbers in [0, 1)."""
    number = seed
    while True:
        yield started(number)
        number += 7_919


class _Unsorted(ValueError):
    """A request that is earlier than the one above it."""


def read_trace(lines: str | Iterable[str], *, ordered: bool = False) -> list[Job]:
    """Read a trace: CSV with the columns of `NEEDED` and, if given, the others of `COLUMNS`.

    Lines are read one at a time, `MAX_ROWS` requests at most. With `ordered`, the times must not decrease.
    Raises `ConfigError` that names the line.
    """
    reader = csv.reader(lines.splitlines() if isinstance(lines, str) else lines)
    jobs: list[Job] = []
    names: dict[str, str] = {}
    try:
        places = _read_header(next(reader, list[str]()))
        for row in reader:
            if not row:
                continue
            job = _make_job(row, places, names)
            if ordered and jobs and job.at < jobs[-1].at:
                raise _Unsorted(f"its time, {job.at:g} s, is before that of the request above it")
            if len(jobs) == MAX_ROWS:
                raise ValueError(f"a trace may have {MAX_ROWS:,} requests")
            jobs.append(job)
    except (ValueError, OverflowError, csv.Error) as error:
        raise ConfigError(
            f"Line {reader.line_num or 1} of the trace cannot be used: {error}",
            "Nothing was simulated",
            "Sort the requests by their times" if isinstance(error, _Unsorted) else FORM,
        ) from error
    if not jobs:
        raise ConfigError("The trace holds no request", "Nothing was simulated", FORM)
    return jobs


def _read_header(header: Sequence[str]) -> Mapping[str, int]:
    """Return the place of each column. Raises `ValueError` if one is missing."""
    names = [name.strip().removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}") for name in header]
    missing = [name for name in NEEDED if name not in names]
    if missing and header:
        raise ValueError(f"the column {missing[0]!r} is missing")
    return {name: names.index(name) for name in COLUMNS if name in names}


def _make_job(row: Sequence[str], places: Mapping[str, int], names: dict[str, str]) -> Job:
    """Make a request of a row; `names` keeps one copy of each repeated name."""
    if len(row) <= max(places.values(), default=0):
        raise ValueError(f"it has {len(row)} values, fewer than the first line")

    def text(name: str) -> str:
        value = row[places[name]].strip() if name in places else ""
        return names.setdefault(value, value)

    at = _read_number("at", text("at"), float, 0)
    prompt, output = (int(_read_number(name, text(name), int, 1)) for name in NEEDED[1:])
    shared = int(_read_number("prefix_tokens", text("prefix_tokens") or "0", int, 0))
    for name, known in (("kind", KINDS), ("effort", EFFORTS)):
        if text(name) and text(name) not in known:
            raise ValueError(f"{name} is {_shorten(text(name))}, not one of {', '.join(known)}")
    return Job(at, prompt, output, text("prefix"), shared, text("kind"), text("effort"))


def _read_number(name: str, word: str, kind: type[int] | type[float], least: int) -> float:
    try:
        value = kind(word)
    except ValueError:
        raise ValueError(f"{name} is {_shorten(word)}, not a number") from None
    if not least <= value <= MOST:  # NaN is neither
        raise ValueError(f"{name} is {_shorten(word)}, not between {least} and {MOST:,}")
    return value


def _shorten(word: str) -> str:
    return repr(word if len(word) <= 40 else f"{word[:40]}…")
