"""Draws success against seconds: one panel for each set of tasks, with the interval of each value."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spark_lsp.bench.frontier_points import Point
from spark_lsp.bench.plot import drawing
from spark_lsp.errors import ConfigError

TITLES = {
    "edits": "targeted edits",
    "lines": "lines of real packages, exactly",
    "infilling": "infilling tasks",
}


def draw_frontier(points: Sequence[Point], path: Path) -> None:
    """Write a picture (the file name's ending gives the format). Raises `ConfigError` without matplotlib."""
    pyplot = drawing()
    sets = list(dict.fromkeys(point.tasks for point in points))
    chart, panels = pyplot.subplots(1, len(sets), figsize=(5.2 * len(sets), 4.2), squeeze=False)
    engines = list(dict.fromkeys(point.engine for point in points))
    for panel, name in zip(panels[0], sets, strict=True):
        _draw_panel(panel, [point for point in points if point.tasks == name], engines, pyplot)
        panel.set_title(f"{TITLES.get(name, name)} (n={_count(points, name)})", fontsize=10, loc="left")
    panels[0][0].set_ylabel("solved, % (95 % interval)")
    handles, labels = panels[0][0].get_legend_handles_labels()
    chart.legend(handles, labels, loc="lower center", ncol=2, fontsize=8, frameon=False)
    chart.tight_layout(rect=(0, 0.04 + 0.045 * ((len(engines) + 1) // 2), 1, 1))
    try:
        chart.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be drawn: {error}", "The figures are printed above") from None
    finally:
        pyplot.close(chart)


def _count(points: Sequence[Point], tasks: str) -> int:
    return max(point.count for point in points if point.tasks == tasks)


def _draw_panel(panel: Any, points: Sequence[Point], engines: Sequence[str], pyplot: Any) -> None:
    colours = pyplot.rcParams["axes.prop_cycle"].by_key()["color"]
    for point in points:
        panel.errorbar(
            point.seconds,
            point.solved,
            xerr=_bars(point.seconds, point.seconds_range),
            yerr=_bars(point.solved, point.solved_range),
            fmt="o",
            color=colours[engines.index(point.engine) % len(colours)],
            markerfacecolor="white" if point.simulated else None,
            capsize=3,
            label=f"{point.engine} (simulated pace)" if point.simulated else point.engine,
        )
    best = sorted((point.seconds, point.solved) for point in points if point.best)
    panel.plot([each[0] for each in best], [each[1] for each in best], color="0.7", linewidth=1, zorder=0)
    panel.set_xscale("log")
    panel.set_ylim(0, 100)
    panel.set_xlabel("wait, p50 in seconds (log; 95 % interval)")
    panel.grid(alpha=0.3)


def _bars(value: float, limits: tuple[float, float]) -> list[list[float]]:
    return [[max(value - limits[0], 0.0)], [max(limits[1] - value, 0.0)]]
