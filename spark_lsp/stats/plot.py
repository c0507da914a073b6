"""Draws the figures of `spark-lsp stats`: outcomes by day, and the accepted share by language and engine.

Below them is the use of engines, in tokens and money.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spark_lsp.bench.plot import drawing
from spark_lsp.errors import ConfigError
from spark_lsp.stats.figures import Group, Report
from spark_lsp.stats.usage import UsageReport
from spark_lsp.stats.usage_plot import draw_usage

OUTCOMES = {
    "accepted": "tab:green",
    "partly": "yellowgreen",
    "typed": "tab:blue",
    "rejected": "tab:red",
    "ignored": "tab:gray",
    "brief": "lightgray",
}
MOST_BARS = 8  # languages, and engines
FEWEST_DAYS = 6  # for which there is room


def draw(report: Report, usage: UsageReport, path: Path) -> None:
    """Write a picture (the file name's ending gives the format).

    Raises `ConfigError` without matplotlib, and for a path that cannot be written.
    """
    pyplot = drawing()
    has_history, has_usage = bool(report.total.shown), bool(usage.engines)
    count = has_history + has_usage
    chart, rows = pyplot.subplots(count, 2, figsize=(11, 4.2 * count), squeeze=False)
    if has_history:
        _draw_days(rows[0][0], report.days)
        _draw_shares(rows[0][1], report.languages[:MOST_BARS], report.engines[:MOST_BARS])
    if has_usage:
        draw_usage(rows[-1][0], rows[-1][1], usage)
    chart.tight_layout()
    try:
        chart.savefig(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be drawn: {error}", "The figures are printed above") from None
    finally:
        pyplot.close(chart)


def _draw_days(panel: Any, days: Sequence[Group]) -> None:
    names = [each.name[5:] for each in days]
    below = [0] * len(days)
    for outcome, colour in OUTCOMES.items():
        counts = [getattr(each, outcome) for each in days]
        panel.bar(names, counts, bottom=below, color=colour, label=outcome)
        below = [low + count for low, count in zip(below, counts, strict=True)]
    panel.set_xlim(-0.6, max(len(days), FEWEST_DAYS) - 0.4)
    panel.set_ylabel("suggestions on the screen")
    panel.set_xticks(range(len(names)), names, rotation=60 if len(names) > FEWEST_DAYS else 0, fontsize=8)
    panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=len(OUTCOMES), fontsize=8, frameon=False)


def _draw_shares(panel: Any, languages: Sequence[Group], engines: Sequence[Group]) -> None:
    known = [each for each in (*languages, *engines) if each.accepted_share is not None]
    names = [f"{each.name}, {each.shown} shown" for each in known]
    shares = [100 * (each.accepted_share or 0) for each in known]
    colours = ["tab:green" if each in languages else "tab:olive" for each in known]
    panel.barh(range(len(known)), shares, color=colours, tick_label=names)
    for place, share in enumerate(shares):
        panel.annotate(f"{share:.0f} %", (share, place), (4, 0), textcoords="offset points", va="center")
    panel.set_xlim(0, 118)
    panel.set_xlabel("accepted, in % of those accepted, rejected or ignored")
    panel.invert_yaxis()
