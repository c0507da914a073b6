"""The picture of `spark-lsp simulate plan`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spark_lsp.bench.plot import drawing
from spark_lsp.bench.simulated import save
from spark_lsp.simulate.forecast import Bar, Forecast
from spark_lsp.simulate.users import AtUsers


def draw_plans(
    found: Sequence[Forecast], curves: Mapping[str, Sequence[AtUsers]], unit: str, path: Path
) -> None:
    """Draw the 95th percentiles against the number of users, and the queue over time; bands are error bars.

    Raises `ConfigError` without matplotlib, and for a path that cannot be written.
    """
    pyplot = drawing()
    chart, (first, whole, queue) = pyplot.subplots(1, 3, figsize=(14, 4.4))
    for each in found:
        points = curves[each.plan]
        users = [point.users for point in points]
        _draw_band(first, users, [point.ttft_s for point in points], each.plan)
        _draw_band(whole, users, [point.total_s for point in points], each.plan)
        times = [(number + 0.5) * each.queue.step_s / 60 for number in range(len(each.queue.waiting))]
        _draw_band(queue, times, each.queue.waiting, each.plan)
    for panel, title in ((first, "to the first token, p95"), (whole, "to the last token, p95")):
        panel.set(xlabel=unit, ylabel="seconds", title=title, xscale="log", yscale="log")
        _set_ticks(panel, sorted({point.users for points in curves.values() for point in points}))
    queue.set(xlabel="minutes", ylabel="requests that wait", title="queue over time of the given trace")
    queue.set_yscale("symlog", linthresh=1)
    queue.set_ylim(bottom=0)
    for panel in (first, whole, queue):
        panel.grid(alpha=0.3, which="both")
    first.legend(fontsize=8)
    save(pyplot, chart, path)


def _set_ticks(panel: Any, users: Sequence[float]) -> None:
    """Label every second number of users: a logarithmic axis of one decade has labels that overlap."""
    panel.set_xticks(users[::2], [f"{each:,.0f}" for each in users[::2]])
    panel.set_xticks([], minor=True)


def _draw_band(panel: Any, places: Sequence[float], bars: Sequence[Bar], name: str) -> None:
    (line,) = panel.plot(places, [bar.value for bar in bars], label=name, linewidth=1.5)
    low, high = [bar.low for bar in bars], [bar.high for bar in bars]
    panel.fill_between(places, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
