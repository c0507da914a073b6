"""Figures of a benchmark, with baseline, target and spread. Pure except for `machine`.

A figure's `id` is its number in docs/reference/performance.md. `value` and `baseline` are medians in
`unit`, `ratio` is value over baseline, `spread` the quartiles of the values. `target` is the
target in words, `met` whether the figure meets it.
"""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

NO_TARGET = "none"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure."""

    id: int
    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    target: str
    met: bool
    n: int
    spread: tuple[float, float]


def at_most(
    number: int,
    name: str,
    unit: str,
    values: Sequence[float],
    limit: float,
    baseline: Sequence[float] = (),
    share: float = 50,
) -> Figure:
    """Return a figure whose value, a percentile (`share`) of `values`, must be at most `limit`."""
    value = percentile(values, share)
    base = percentile(baseline, share) if baseline else None
    ratio = value / base if base else None
    return Figure(
        number,
        name,
        value,
        unit,
        base,
        ratio,
        f"≤ {limit:g} {unit}",
        value <= limit,
        len(values),
        quartiles(values),
    )


def at_most_of_baseline(
    number: int, name: str, unit: str, values: Sequence[float], baseline: Sequence[float], limit: float
) -> Figure:
    """Return a figure whose ratio to its baseline must be at most `limit`."""
    value, base = percentile(values, 50), percentile(baseline, 50)
    ratio = value / base
    wanted = f"≤ {limit:g} × baseline"
    return Figure(
        number, name, value, unit, base, ratio, wanted, ratio <= limit, len(values), quartiles(values)
    )


def within_of_baseline(
    number: int,
    name: str,
    unit: str,
    values: Sequence[float],
    baseline: Sequence[float],
    share: float,
    limit: float,
) -> Figure:
    """Return a figure whose percentile (`share`) may differ from its baseline's by a fraction `limit`."""
    value, base = percentile(values, share), percentile(baseline, share)
    ratio = value / base
    wanted = f"within {limit:.0%} of baseline"
    is_met = abs(ratio - 1) <= limit
    return Figure(number, name, value, unit, base, ratio, wanted, is_met, len(values), quartiles(values))


def at_least(
    number: int,
    name: str,
    unit: str,
    values: Sequence[float],
    limit: float,
    baseline: Sequence[float] = (),
) -> Figure:
    """Return a figure whose value, the mean of `values`, must be at least `limit`; shares have no spread."""
    value = statistics.fmean(values)
    base = statistics.fmean(baseline) if baseline else None
    ratio = value / base if base else None
    wanted = f"≥ {limit:g} {unit}"
    return Figure(number, name, value, unit, base, ratio, wanted, value >= limit, len(values), (value, value))


def measured(
    number: int, name: str, unit: str, values: Sequence[float], baseline: Sequence[float] = ()
) -> Figure:
    """Return a figure without a target, which explains another figure."""
    value = percentile(values, 50)
    base = percentile(baseline, 50) if baseline else None
    ratio = value / base if base else None
    return Figure(number, name, value, unit, base, ratio, NO_TARGET, True, len(values), quartiles(values))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` percent of `values` lie, interpolated."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * share / 100
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the quartiles, the measure of spread used here."""
    return percentile(values, 25), percentile(values, 75)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def machine() -> dict[str, Any]:
    """Describe the machine, and its load during the measurement."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": [round(part, 2) for part in load],
    }


def report(figures: Sequence[Figure]) -> dict[str, Any]:
    """Return the object that `--json` prints."""
    return {"machine": machine(), "figures": [_round_value(asdict(figure)) for figure in figures]}


def _round_value(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _round_value(item) for key, item in value.items()}  # type: ignore[misc]
    if isinstance(value, tuple):
        return [_round_value(item) for item in value]  # type: ignore[misc]
    return value
