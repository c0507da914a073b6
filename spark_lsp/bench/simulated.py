"""Pictures of the simulator's predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spark_lsp.bench.plot import drawing
from spark_lsp.errors import ConfigError
from spark_lsp.simulate import fit
from spark_lsp.simulate.capacity import Served
from spark_lsp.simulate.feel import Felt
from spark_lsp.simulate.machine import Machine

MOST_USERS = 256
TICKS = [base * 10**power for power in range(-2, 4) for base in (1, 2, 5)]  # seconds


def draw_fit(rows: Sequence[fit.Published], path: Path) -> None:
    """Draw the prediction of each published speed from all others, by layers and by bandwidth.

    Raises `ConfigError` like `draw_capacity`.
    """
    pyplot = drawing()
    chart, panel = pyplot.subplots(figsize=(7.5, 5.2))
    true = [row.tokens_per_s for row in rows]
    for model, name, mark in ((fit.by_layers, "layers", "o"), (fit.by_bandwidth, "bandwidth, fitted", "x")):
        panel.loglog(true, fit.left_out(rows, model), mark, label=f"by {name}")
    for row, guess in zip(rows, fit.left_out(rows, fit.by_layers), strict=True):
        where = {"xytext": (3, 3), "textcoords": "offset points"}
        panel.annotate(row.name, (row.tokens_per_s, guess), fontsize=7, rotation=28, **where)
    ends = [min(true) / 1.2, max(true) * 1.2]
    panel.plot(ends, ends, color="gray", linewidth=1)
    for factor, alpha in ((1.15, 0.25), (2.0, 0.1)):
        low, high = [end / factor for end in ends], [end * factor for end in ends]
        panel.fill_between(ends, low, high, color="gray", alpha=alpha, linewidth=0)
    panel.set(xlabel="published tokens per second", ylabel="predicted from all others (bands: ±15 %, 2×)")
    panel.legend(fontsize=8)
    save(pyplot, chart, path)


def draw_capacity(machines: Sequence[Machine], served: Sequence[Sequence[Served]], path: Path) -> None:
    """Draw each machine's speed against its users, and the waits of a trace's requests.

    Raises `ConfigError` without matplotlib, and for a path that cannot be written.
    """
    pyplot = drawing()
    chart, (speed, waits) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for machine, answers in zip(machines, served, strict=True):
        users = range(1, min(MOST_USERS, machine.most_users) + 1)
        rates = [1 / machine.token_s(count, 2000) for count in users]
        (line,) = speed.loglog(users, rates, label=machine.name)
        low, high = ([rate / (1 + machine.error) for rate in rates], [r * (1 + machine.error) for r in rates])
        speed.fill_between(users, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        totals = sorted(each.total_s for each in answers if not each.refused)
        if totals:
            waits.semilogx(totals, [100 * (at + 1) / len(totals) for at in range(len(totals))])
    speed.set(xlabel="users at once", ylabel="tokens per second for each", title="speed (band: median error)")
    speed.legend(fontsize=8)
    waits.set(
        xlabel="seconds from the request to the last token", ylabel="% of requests", title="the trace's waits"
    )
    waits.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    waits.set_xticks([], minor=True)
    waits.autoscale()
    for panel in (speed, waits):
        panel.grid(alpha=0.3)
    save(pyplot, chart, path)


PARTS = ("thinking", "typing", "tools", "first token", "tokens")
COLOURS = ("#b8c4d0", "#93a5b8", "#6d8299", "#e9a23b", "#d1495b")


def draw_feel(sessions: Sequence[Felt], path: Path) -> None:
    """Draw where a session's seconds go at each pace. Raises `ConfigError` like `draw_capacity`."""
    pyplot = drawing()
    chart, panel = pyplot.subplots(figsize=(9, 1 + 0.8 * len(sessions)))
    for row, each in enumerate(sessions):
        left = 0.0
        values = (each.thinking_s, each.typing_s, each.tools_s, each.first_token_s, each.tokens_s)
        for part, colour, value in zip(PARTS, COLOURS, values, strict=True):
            panel.barh(row, value, left=left, color=colour, label=part if row == 0 else None)
            left += value
        panel.text(left, row, f" {each.rate_ratio:.3g}× tokens, {each.speed_up:.2f}× session", va="center")
    panel.set_yticks(range(len(sessions)), [f"{each.tokens_per_s:,.0f} tok/s" for each in sessions])
    panel.set(xlabel="seconds", xlim=(0, 1.35 * max(each.total_s for each in sessions)))
    panel.invert_yaxis()
    panel.legend(fontsize=8, ncol=len(PARTS), loc="upper center", bbox_to_anchor=(0.5, 1.25), frameon=False)
    save(pyplot, chart, path)


def save(pyplot: Any, chart: Any, path: Path) -> None:
    """Write a picture. Raises `ConfigError` for a path that cannot be written."""
    chart.tight_layout()
    try:
        chart.savefig(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be drawn: {error}", "The figures are printed above") from None
    finally:
        pyplot.close(chart)
