"""The table of `spark-lsp simulate plan`: one column for each plan, one row for each figure."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from spark_lsp.simulate.forecast import Bar, Forecast, GroupUse, Measures
from spark_lsp.simulate.trace import Job

SIDE_BY_SIDE = 4  # plans in one block of lines
NAMES = ("p50", "p95", "p99")
Row = tuple[str, Callable[[Forecast], str]]


def lines(jobs: Sequence[Job], found: Sequence[Forecast], users: Mapping[str, Bar], unit: str) -> list[str]:
    """Return the table as lines of text."""
    minutes = (jobs[-1].at - jobs[0].at) / 60
    said = [
        f"{len(jobs):,} requests in {minutes:.1f} minutes.",
        "In brackets: every machine faster, or slower, by its typical error.",
    ]
    for first in range(0, len(found), SIDE_BY_SIDE):
        said += ["", *_block(found[first : first + SIDE_BY_SIDE], users, unit)]
    return [*said, "", *_rules(found), *_honest(found)]


def _block(found: Sequence[Forecast], users: Mapping[str, Bar], unit: str) -> Iterator[str]:
    rows = [(name, [value(each) for each in found]) for name, value in _rows(found, users, unit)]
    first = max(len(name) for name, _ in rows)
    widths = [
        max(len(each.plan), *(len(values[number]) for _, values in rows)) for number, each in enumerate(found)
    ]
    titles = [each.plan for each in found]
    for name, values in [("", titles), *rows]:
        cells = "   ".join(f"{value:>{width}}" for value, width in zip(values, widths, strict=True))
        yield f"{name:{first}}   {cells}".rstrip()


def _rows(found: Sequence[Forecast], users: Mapping[str, Bar], unit: str) -> Iterator[Row]:
    yield from _measures("", lambda each: each.all)
    yield from _percentiles("queue, s", lambda each: each.all.queue_s, 1)
    yield "waiting, fullest interval", lambda each: _cell(max(each.queue.waiting, key=lambda bar: bar.value))
    for kind in sorted({kind for each in found for kind in each.kinds}):
        yield from _measures(f"{kind}: ", lambda each, kind=kind: each.kinds[kind])
    if users:
        yield f"{unit} before anyone slows", lambda each: _cell(users[each.plan], whole=True)
    for number in range(max(len(each.groups) for each in found)):
        yield f"machines {number + 1}", lambda each, number=number: _list_values(each, number, _machines)
        yield "  share of requests", lambda each, number=number: _list_values(each, number, _share)
        yield "  requests at once, each", lambda each, number=number: _list_values(each, number, _at_once)
        yield "  prompts cached", lambda each, number=number: _list_values(each, number, _show_cached)
    if any(each.refused for each in found):
        yield "refused, too long", lambda each: f"{each.refused:,}"
    if any(each.cost is not None for each in found):
        yield "cost", lambda each: _cell(each.cost) if each.cost else "no price"
        yield "cost of 1,000 requests", _cost_per_thousand


def _measures(prefix: str, measures: Callable[[Forecast], Measures]) -> Iterator[Row]:
    yield from _percentiles(f"{prefix}first token, ms", lambda each: measures(each).ttft_s, 1e3)
    yield from _percentiles(f"{prefix}a token, ms", lambda each: measures(each).token_s, 1e3)
    yield from _percentiles(f"{prefix}whole answer, s", lambda each: measures(each).total_s, 1)


def _percentiles(title: str, bars: Callable[[Forecast], Sequence[Bar]], scale: float) -> Iterator[Row]:
    for number, name in enumerate(NAMES):
        yield f"{title} {name}", lambda each, number=number: _cell(bars(each)[number], scale)


def _cell(bar: Bar, scale: float = 1, *, whole: bool = False) -> str:
    words = [
        f"{each:,.0f}" if whole else _shorten_number(each * scale) for each in (bar.value, bar.low, bar.high)
    ]
    return f"{words[0]} ({words[1]}–{words[2]})"


def _shorten_number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else f"{round(value, 4):g}"


def _list_values(each: Forecast, number: int, value: Callable[[GroupUse], str]) -> str:
    return value(each.groups[number]) if number < len(each.groups) else "–"


def _machines(use: GroupUse) -> str:
    return f"{use.count}× {use.name}"


def _share(use: GroupUse) -> str:
    return f"{use.requests_share:.1%}"


def _at_once(use: GroupUse) -> str:
    return _cell(use.at_once)


def _show_cached(use: GroupUse) -> str:
    return f"{use.cached_share:.0%}"


def _cost_per_thousand(each: Forecast) -> str:
    answered = each.requests - each.refused
    return _cell(each.cost, 1000 / answered) if each.cost and answered else "no price"


def _rules(found: Sequence[Forecast]) -> Iterator[str]:
    for each in found:
        for rule, moved in each.rules.items():
            selected = f"selected {moved:,} requests" if moved else "selected no request of this trace"
            yield f"{each.plan}: the rule {rule} {selected}."


def _honest(found: Sequence[Forecast]) -> Iterator[str]:
    error, worst = max(each.error for each in found), max(each.worst for each in found)
    yield f"Predictions of a model: tokens are ±{error:.0%} typically, up to a factor of {1 + worst:.1f}."
    yield "They are never the real machine. No source states how fast a wafer reads prompts; the error of its"
    yield "tokens is used for that, too."
