"""Draws figures: each value beside its baseline, on a separate scale, with the ratio."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spark_lsp.bench.figures import NO_TARGET, Figure
from spark_lsp.errors import ConfigError


def draw(figures: Sequence[Figure], path: Path) -> None:
    """Write a picture (the file name's ending gives the format). Raises `ConfigError` without matplotlib."""
    pyplot = drawing()
    chart, rows = pyplot.subplots(len(figures), 1, figsize=(8, 1.3 * len(figures) + 0.5), squeeze=False)
    for row, figure in zip(rows[:, 0], figures, strict=True):
        _bars(row, figure)
    chart.tight_layout()
    try:
        chart.savefig(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be drawn: {error}", "The figures are printed above") from None
    finally:
        pyplot.close(chart)


def drawing() -> Any:
    """Return matplotlib's pyplot. Raises `ConfigError` without it."""
    try:
        import matplotlib
    except ImportError:
        raise ConfigError(
            "matplotlib is not installed", "Nothing was drawn", "Run pip install 'spark-lsp[bench]'"
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _bars(row: Any, figure: Figure) -> None:
    bars = {"ours": figure.value, **({"baseline": figure.baseline} if figure.baseline else {})}
    colours = [_colour(figure), "tab:gray"]
    row.barh(list(bars), list(bars.values()), color=colours[: len(bars)])
    low, high = figure.spread
    row.plot([low, high], [0, 0], color="black", linewidth=1)
    for place, value in enumerate(bars.values()):
        end = max(value, high) if place == 0 else value
        ratio = f"   = {figure.ratio:.2g} × baseline" if place == 0 and figure.ratio else ""
        row.annotate(f"{value:,.4g}{ratio}", (end, place), (4, 0), textcoords="offset points", va="center")
    row.set_title(
        f"{figure.id}: {figure.name} [{figure.unit}], target {figure.target}", fontsize=8, loc="left"
    )
    row.invert_yaxis()
    row.margins(x=0.5)


def _colour(figure: Figure) -> str:
    if figure.target == NO_TARGET:
        return "tab:blue"
    return "tab:green" if figure.met else "tab:red"
