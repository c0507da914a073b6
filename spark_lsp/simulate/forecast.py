"""The figures of a plan with their error bars. Pure.

An error bar is the same plan simulated again with every machine slower by its typical error, and faster.
So a bar is wide where a small error changes much, as near the end of a machine's capacity, and it does not
count on errors that cancel.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spark_lsp.simulate.fleet import Pace, Run, simulate_plan
from spark_lsp.simulate.plan import Plan
from spark_lsp.simulate.price import Price
from spark_lsp.simulate.station import NOBODY
from spark_lsp.simulate.trace import Job

PACES = (Pace(0), Pace(-1), Pace(1))  # the prediction, faster, slower
SHARES = (0.5, 0.95, 0.99)
BINS = 120  # of the queue over time


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure, and the same if the machines are faster (`low`) or slower (`high`) by their typical error.

    For figures that are better when they are larger, `low` is the smaller of the two.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measures:
    """Percentiles (p50, p95, p99) of some requests; seconds. `queue_s` is the wait for the prompt reader."""

    requests: int
    ttft_s: tuple[Bar, ...]
    token_s: tuple[Bar, ...]
    total_s: tuple[Bar, ...]
    queue_s: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class GroupUse:
    """One group of a plan: its share of the requests, and of all its prompts' tokens the cached ones.

    `at_once` is the mean number of requests in each machine, `busy_share` the share of time with any.
    """

    name: str
    count: int
    requests_share: float
    at_once: Bar
    busy_share: Bar
    cached_share: float


@dataclass(frozen=True, slots=True)
class Queue:
    """The requests that wait before their prompts are read, by time; the middles of intervals of `step_s`."""

    step_s: float
    waiting: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """All figures of one plan. `rules` counts the requests of each rule; `cost` is None without prices."""

    plan: str
    requests: int
    refused: int
    all: Measures
    kinds: Mapping[str, Measures]
    groups: tuple[GroupUse, ...]
    rules: Mapping[str, int]
    queue: Queue
    cost: Bar | None
    error: float
    worst: float


def forecast(plan: Plan, jobs: Sequence[Job], prices: Mapping[str, Price] | None = None) -> Forecast:
    """Simulate a plan on a trace (requests in the order of their times), with its error bars."""
    runs = [simulate_plan(plan, jobs, pace) for pace in PACES]
    answered = [number for number in range(len(jobs)) if runs[0].times.station[number] != NOBODY]
    kinds = sorted({jobs[number].kind for number in answered} - {""})
    by_kind = {kind: [number for number in answered if jobs[number].kind == kind] for kind in kinds}
    return Forecast(
        plan.name,
        len(jobs),
        len(jobs) - len(answered),
        _measure(runs, answered),
        {kind: _measure(runs, by_kind[kind]) for kind in kinds} if len(kinds) > 1 else {},
        tuple(_use(runs, group) for group in range(len(plan.groups))),
        {str(rule): moved for rule, moved in zip(plan.rules, runs[0].moved, strict=True)},
        _queue(runs),
        _cost(runs, prices or {}),
        plan.error,
        plan.worst,
    )


# Percentiles.


def ttft_s(run: Run, numbers: Iterable[int]) -> list[float]:
    """Return the seconds from each request to its first token."""
    return [run.times.first[number] - run.jobs[number].at for number in numbers]


def total_s(run: Run, numbers: Iterable[int]) -> list[float]:
    """Return the seconds from each request to its last token."""
    return [run.times.last[number] - run.jobs[number].at for number in numbers]


def _token_s(run: Run, numbers: Iterable[int]) -> list[float]:
    """Return the seconds per token, without the first one, of the answers that have more than one."""
    times, jobs = run.times, run.jobs
    return [
        (times.last[number] - times.first[number]) / (jobs[number].output - 1)
        for number in numbers
        if jobs[number].output > 1
    ]


def _queue_s(run: Run, numbers: Iterable[int]) -> list[float]:
    times, jobs, delays = run.times, run.jobs, _delays(run)
    return [
        max(times.begun[number] - jobs[number].at - delays[times.station[number]], 0.0) for number in numbers
    ]


def _delays(run: Run) -> list[float]:
    return [station.delay for station in run.stations]


def _measure(runs: Sequence[Run], numbers: Sequence[int]) -> Measures:
    def bars(values: Callable[[Run, Iterable[int]], list[float]]) -> tuple[Bar, ...]:
        found = [percentiles(values(run, numbers)) for run in runs]
        return tuple(make_bar(each) for each in zip(*found, strict=True))

    return Measures(len(numbers), bars(ttft_s), bars(_token_s), bars(total_s), bars(_queue_s))


def percentiles(values: Sequence[float], shares: Sequence[float] = SHARES) -> tuple[float, ...]:
    """Return the smallest values that such shares of the values do not exceed; zeros without values."""
    ordered = sorted(values) or [0.0]
    return tuple(ordered[max(math.ceil(share * len(ordered)) - 1, 0)] for share in shares)


def make_bar(values: Sequence[float]) -> Bar:
    """Make a bar of the prediction and its variants; they may cross it by the chances of a queue."""
    return Bar(values[0], min(values), max(values))


# Totals.


def _use(runs: Sequence[Run], group: int) -> GroupUse:
    stations = runs[0].groups[group]
    numbers = {station.number for station in stations}
    times, jobs = runs[0].times, runs[0].jobs
    here = [number for number in range(len(jobs)) if times.station[number] in numbers]
    prompts = sum(jobs[number].prompt for number in here)
    spans = [len(stations) * max(_span(run), 1e-9) for run in runs]
    present = [sum(station.present_s for station in run.groups[group]) for run in runs]
    busy = [sum(station.busy_s for station in run.groups[group]) for run in runs]
    return GroupUse(
        runs[0].plan.groups[group].name,
        len(stations),
        len(here) / max(len(jobs), 1),
        make_bar([each / span for each, span in zip(present, spans, strict=True)]),
        make_bar([each / span for each, span in zip(busy, spans, strict=True)]),
        sum(times.cached[number] for number in here) / prompts if prompts else 0.0,
    )


def _span(run: Run) -> float:
    """Return the seconds from the first request to the last token."""
    ends = [station.now for station in run.stations]
    return max(ends, default=0.0) - run.jobs[0].at if run.jobs else 0.0


def _cost(runs: Sequence[Run], prices: Mapping[str, Price]) -> Bar | None:
    """Return the cost of the trace; None unless every machine of the plan has a price."""
    if any(group.name not in prices for group in runs[0].plan.groups):
        return None
    return make_bar([math.fsum(_group_costs(run, prices)) for run in runs])


def _group_costs(run: Run, prices: Mapping[str, Price]) -> Iterable[float]:
    by_station = {
        station.number: prices[group.name]
        for group, stations in zip(run.plan.groups, run.groups, strict=True)
        for station in stations
    }
    hours = _span(run) / 3600
    yield from (price.hour * hours for price in by_station.values())
    for number, job in enumerate(run.jobs):
        if (station := run.times.station[number]) != NOBODY:
            price = by_station[station]
            yield (job.prompt * price.read + job.output * price.written) / 1e6


def _queue(runs: Sequence[Run]) -> Queue:
    begin = runs[0].jobs[0].at if runs[0].jobs else 0.0
    step = max(_span(runs[2]), 1e-9) / BINS
    counts = [_waiting(run, begin, step) for run in runs]
    return Queue(step, tuple(make_bar(each) for each in zip(*counts, strict=True)))


def _waiting(run: Run, begin: float, step: float) -> list[float]:
    """Return the mean number of waiting requests in each interval."""
    full = [0.0] * (BINS + 1)  # differences of the number over complete intervals
    waits = [0.0] * (BINS + 1)
    delays = _delays(run)
    for number, job in enumerate(run.jobs):
        station = run.times.station[number]
        if station == NOBODY:
            continue
        start = (job.at + delays[station] - begin) / step
        end = max((run.times.begun[number] - begin) / step, start)
        first, last = min(int(start), BINS), min(int(end), BINS)
        waits[first] += first + 1 - start if first < last else end - start
        if first < last:
            waits[last] += end - last
            full[first + 1] += 1
            full[last] -= 1
    level = 0.0
    for number in range(BINS):
        level += full[number]
        waits[number] += level
    return waits[:BINS]
