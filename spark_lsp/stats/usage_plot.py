"""Draws the use of engines for `spark-lsp stats`: tokens and money by day."""

from collections.abc import Callable, Sequence
from typing import Any

from spark_lsp.stats.usage import UsageReport, Use

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:gray")
MOST_ENGINES = len(COLOURS)
FEWEST_DAYS = 6  # for which there is room


def draw_usage(tokens: Any, money: Any, report: UsageReport) -> None:
    """Draw the tokens of each day into one panel, and the money into another."""
    engines = report.engines[:MOST_ENGINES]
    days = sorted({use.name for each in (report.engine_days or {}).values() for use in each})
    currencies = {currency for use in engines for currency in use.costs}
    currency = next(iter(sorted(currencies)), "")
    _draw_bars(tokens, report, engines, days, lambda use: use.tokens / 1000)
    tokens.set_ylabel("thousand tokens, read and written")
    priced = [use for use in engines if currency in use.costs]
    _draw_bars(money, report, priced, days, lambda use: use.costs.get(currency, 0.0))
    money.set_ylabel(f"cost in {currency}" if currency else "no engine has a price")


def _draw_bars(
    panel: Any,
    report: UsageReport,
    engines: Sequence[Use],
    days: Sequence[str],
    value_of: Callable[[Use], float],
) -> None:
    below = [0.0] * len(days)
    for engine in engines:
        of_day = {use.name: use for use in (report.engine_days or {}).get(engine.name, ())}
        values = [value_of(of_day[day]) if day in of_day else 0.0 for day in days]
        label = f"{engine.name}, simulated" if engine.simulated else engine.name
        colour = COLOURS[[each.name for each in report.engines].index(engine.name) % MOST_ENGINES]
        hatch = "//" if engine.simulated else None
        panel.bar(range(len(days)), values, bottom=below, color=colour, label=label, hatch=hatch)
        below = [low + value for low, value in zip(below, values, strict=True)]
    panel.set_xlim(-0.6, max(len(days), FEWEST_DAYS) - 0.4)
    rotation = 60 if len(days) > FEWEST_DAYS else 0
    panel.set_xticks(range(len(days)), [day[5:] for day in days], rotation=rotation, fontsize=8)
    if engines:
        panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=2, fontsize=8, frameon=False)
