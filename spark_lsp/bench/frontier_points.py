"""Success against time and money, each with its error: the arithmetic of the suite `frontier`. Pure.

Intervals hold with a probability of 95 %. A share has Wilson's interval (Wilson 1927); a median the interval
between two order statistics, which assumes nothing about the distribution of the times; a difference between
two engines on the same tasks the adjusted Wald interval for paired shares (Bonett and Price 2012).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from spark_lsp.answer_events import Usage
from spark_lsp.bench.figures import median
from spark_lsp.budget.prices import NANOS, Price
from spark_lsp.simulate.wafer import Wafer

Z = 1.96  # 95 %, two-sided
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of all requests of one attempt; `cached` is the part of `read` that was in a prompt cache."""

    read: int = 0
    cached: int = 0
    written: int = 0
    requests: int = 0

    @property
    def usage(self) -> Usage:
        """The same as an engine reports it."""
        return Usage(self.read, self.written, self.cached)

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.read - other.read,
            self.cached - other.cached,
            self.written - other.written,
            self.requests - other.requests,
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt at a task: `engine_s` of the `seconds` that a user waited were the engine's."""

    task: str
    solved: bool
    seconds: float
    engine_s: float = 0.0
    tokens: Tokens = Tokens()


@dataclass(frozen=True, slots=True)
class Series:
    """All attempts of one engine at one set of tasks; `simulated`: its pace is that of a model."""

    engine: str
    tasks: str
    trials: tuple[Trial, ...]
    price: Price | None = None
    simulated: bool = False
    error: float = 0.0  # relative error of a simulated time


@dataclass(frozen=True, slots=True)
class Point:
    """One engine on one set of tasks: percent solved, seconds, and money per hundred tasks."""

    engine: str
    tasks: str
    count: int
    solved: float
    solved_range: Interval
    seconds: float
    seconds_range: Interval
    cost: float | None
    currency: str
    simulated: bool
    best: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A faster engine against a slower one on the same tasks: points of success, and the speed-up."""

    faster: str
    slower: str
    tasks: str
    count: int
    difference: float
    difference_range: Interval
    speed_up: float
    simulated: bool


def simulate_pace(series: Series, wafer: Wafer, price: Price | None = None) -> Series:
    """Return the same answers at a wafer's pace: the engine's share of each wait becomes the wafer's.

    Nothing counts as cached, and each request pays the wafer's overhead, so the times are upper limits of
    the model.
    """
    trials = tuple(replace(each, seconds=_at_pace(each, wafer), engine_s=0.0) for each in series.trials)
    name = f"{series.engine} at the pace of {wafer.name}"
    return Series(name, series.tasks, trials, price, simulated=True, error=wafer.error)


def _at_pace(trial: Trial, wafer: Wafer) -> float:
    others_s = max(trial.seconds - trial.engine_s, 0.0)
    tokens = trial.tokens
    waits_s = tokens.requests * wafer.overhead_s + wafer.prefill_s(tokens.read)
    return others_s + waits_s + tokens.written * wafer.token_s(1)


def summarize(all_series: Sequence[Series]) -> list[Point]:
    """Return a point for each series; `best` marks those that no faster engine equals or beats."""
    points = [_point_of(each) for each in all_series if each.trials]
    return [replace(point, best=_is_best(point, points)) for point in points]


def _point_of(series: Series) -> Point:
    count = len(series.trials)
    solved = sum(trial.solved for trial in series.trials)
    seconds = [trial.seconds for trial in series.trials]
    low, high = median_range(seconds)
    price = series.price
    nanos = [price.cost_of(each.tokens.usage) for each in series.trials] if price is not None else []
    cost = sum(nanos) / NANOS / count * 100 if price is not None else None
    return Point(
        series.engine,
        series.tasks,
        count,
        100 * solved / count,
        share_range(solved, count),
        median(seconds),
        (low * (1 - series.error), high * (1 + series.error)),
        cost,
        price.currency if price is not None else "",
        series.simulated,
    )


def _is_best(point: Point, points: Sequence[Point]) -> bool:
    others = [each for each in points if each.tasks == point.tasks and each is not point]
    return not any(each.seconds <= point.seconds and each.solved >= point.solved for each in others)


def share_range(successes: int, count: int) -> Interval:
    """Return Wilson's interval of a share, in percent."""
    share = successes / count
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2)) / (1 + Z**2 / count)
    return 100 * max(middle - half, 0.0), 100 * min(middle + half, 1.0)


def median_range(values: Sequence[float]) -> Interval:
    """Return the interval of a median; with fewer than six values, it is their whole range."""
    ordered = sorted(values)
    count = len(ordered)
    tail, rank = 0.5**count, 0
    while rank + 1 <= count // 2 and tail + math.comb(count, rank + 1) * 0.5**count <= 0.025:
        rank += 1
        tail += math.comb(count, rank) * 0.5**count
    return ordered[rank], ordered[count - 1 - rank]


def compare(all_series: Sequence[Series]) -> list[Comparison]:
    """Compare the engines of each set in pairs: the faster one of each pair against the slower one."""
    pairs = [
        (one, other)
        for number, one in enumerate(all_series)
        for other in all_series[number + 1 :]
        if one.tasks == other.tasks and one.trials and other.trials
    ]
    return [_compare(*sorted(pair, key=_median_s)) for pair in pairs]


def _median_s(series: Series) -> float:
    return median([trial.seconds for trial in series.trials])


def _compare(faster: Series, slower: Series) -> Comparison:
    slow = {trial.task: trial.solved for trial in slower.trials}
    pairs = [(each.solved, slow[each.task]) for each in faster.trials if each.task in slow]
    difference, limits = paired_difference(pairs)
    return Comparison(
        faster.engine,
        slower.engine,
        faster.tasks,
        len(pairs),
        difference,
        limits,
        _median_s(slower) / max(_median_s(faster), 1e-9),
        faster.simulated or slower.simulated,
    )


def paired_difference(pairs: Iterable[tuple[bool, bool]]) -> tuple[float, Interval]:
    """Return the difference of two shares on the same tasks, in points, and its interval."""
    results = list(pairs)
    count = len(results)
    only_first = sum(one and not other for one, other in results)
    only_second = sum(other and not one for one, other in results)
    if not count:
        return 0.0, (-100.0, 100.0)
    gain, loss = (only_first + 1) / (count + 2), (only_second + 1) / (count + 2)
    half = Z * math.sqrt((gain + loss - (gain - loss) ** 2) / (count + 2))
    low, high = max(gain - loss - half, -1.0), min(gain - loss + half, 1.0)
    return 100 * (only_first - only_second) / count, (100 * low, 100 * high)
