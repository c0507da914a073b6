"""The tokens and the money of `spark-lsp stats`, from the rows of the ledger. No I/O.

A simulated machine plays tokens that its source has counted already, so it is in no sum over engines.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spark_lsp.budget.ledger import UsageRow
from spark_lsp.budget.prices import NANOS


@dataclass(frozen=True, slots=True)
class Use:
    """The use of an engine, or of a day.

    `estimated` answers have tokens that the engine did not report; `cached_tokens` are part of
    `input_tokens`. `costs` has the money by currency, and nothing for tokens without a known price.
    """

    name: str
    answers: int
    estimated: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    costs: Mapping[str, float]
    simulated: bool = False

    @property
    def tokens(self) -> int:
        """Return the tokens read and written."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class UsageReport:
    """All use: by engine with its model, by day, and by day for each engine (for the picture)."""

    engines: tuple[Use, ...] = ()
    days: tuple[Use, ...] = ()
    engine_days: Mapping[str, tuple[Use, ...]] | None = None


def summarise_usage(rows: Sequence[UsageRow]) -> UsageReport:
    """Return the use in some rows. Engines are in the order of their tokens."""
    real = [row for row in rows if not row.is_simulated]
    engines = sorted(_groups(rows, name_of), key=lambda use: (-use.tokens, use.name))
    by_engine = {
        use.name: tuple(_groups([row for row in rows if name_of(row) == use.name], lambda row: row.day))
        for use in engines
    }
    return UsageReport(tuple(engines), tuple(_groups(real, lambda row: row.day)), by_engine)


def name_of(row: UsageRow) -> str:
    """Return the name of an engine with its model."""
    return f"{row.engine} ({row.model})" if row.model and row.model != row.engine else row.engine


def _groups(rows: Sequence[UsageRow], key: Callable[[UsageRow], str]) -> list[Use]:
    found: dict[str, list[UsageRow]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return [_use(name, some) for name, some in sorted(found.items())]


def _use(name: str, rows: Sequence[UsageRow]) -> Use:
    costs: dict[str, int] = {}
    for row in rows:
        if row.currency:
            costs[row.currency] = costs.get(row.currency, 0) + row.money
    return Use(
        name,
        sum(row.answers for row in rows),
        sum(row.estimated for row in rows),
        sum(row.input_tokens for row in rows),
        sum(row.cached_tokens for row in rows),
        sum(row.output_tokens for row in rows),
        {currency: nanos / NANOS for currency, nanos in sorted(costs.items())},
        all(row.is_simulated for row in rows),
    )


def lines(report: UsageReport) -> list[str]:
    """Return the use as lines of text."""
    if not report.engines:
        return []
    estimated = sum(use.estimated for use in report.engines)
    return [
        *_table("used, by engine", report.engines),
        *(["", *_table("used, by day", report.days)] if report.days else []),
        *(
            [f"{estimated} answers have estimated tokens: the engine did not report them"]
            if estimated
            else []
        ),
    ]


def _table(title: str, uses: Sequence[Use]) -> list[str]:
    width = max([len(title), *(len(use.name) for use in uses)])
    head = f"{title:{width}}  {'answers':>7}  {'read':>11}  {'cached':>11}  {'written':>10}  cost"
    return [head, *(_row(use, width) for use in uses)]


def _row(use: Use, width: int) -> str:
    cost = ", ".join(f"{cost_text(value)} {currency}" for currency, value in use.costs.items()) or "-"
    mark = " (simulated)" if use.simulated and use.costs else ""
    counts = f"{use.answers:7}  {use.input_tokens:11,}  {use.cached_tokens:11,}  {use.output_tokens:10,}"
    return f"{use.name:{width}}  {counts}  {cost}{mark}"


def cost_text(value: float) -> str:
    """Return money with two decimals, or with four if it is less than 0.1."""
    return f"{value:,.2f}" if not value or value >= 0.1 else f"{value:.4f}"
