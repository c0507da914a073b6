"""The figures of `spark-lsp stats`, from the rows of the history. No I/O."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from spark_lsp.session.outcomes import Outcome
from spark_lsp.store.history import Row

UNKNOWN = "unknown"
DECIDED = (Outcome.ACCEPTED, Outcome.PARTLY, Outcome.REJECTED, Outcome.IGNORED)


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of some suggestions.

    `accepted_share` is that of the accepted and the partly accepted ones among those that were accepted,
    rejected or ignored; None without any.
    """

    name: str
    shown: int
    accepted: int
    partly: int
    rejected: int
    ignored: int
    typed: int
    brief: int
    accepted_share: float | None
    accepted_chars: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All figures: in total, and by language, engine and day."""

    total: Group
    languages: tuple[Group, ...]
    engines: tuple[Group, ...]
    days: tuple[Group, ...]


def summarise(rows: Sequence[Row]) -> Report:
    """Return the figures of some rows. Languages and engines are in the order of their frequency."""
    return Report(
        total=_group("total", rows),
        languages=_by_frequency(rows, lambda row: row.language or UNKNOWN),
        engines=_by_frequency(rows, _engine_of),
        days=tuple(sorted(_groups(rows, _day_of), key=lambda group: group.name)),
    )


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value that `share` of the values do not exceed; None without any."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]


def _by_frequency(rows: Sequence[Row], key: Callable[[Row], str]) -> tuple[Group, ...]:
    return tuple(sorted(_groups(rows, key), key=lambda group: (-group.shown, group.name)))


def _groups(rows: Sequence[Row], key: Callable[[Row], str]) -> list[Group]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return [_group(name, some) for name, some in found.items()]


def _group(name: str, rows: Sequence[Row]) -> Group:
    counts = Counter(row.outcome for row in rows)
    decided = sum(counts[outcome] for outcome in DECIDED)
    taken = counts[Outcome.ACCEPTED] + counts[Outcome.PARTLY]
    return Group(
        name=name,
        shown=len(rows),
        accepted=counts[Outcome.ACCEPTED],
        partly=counts[Outcome.PARTLY],
        rejected=counts[Outcome.REJECTED],
        ignored=counts[Outcome.IGNORED],
        typed=counts[Outcome.TYPED],
        brief=counts[Outcome.BRIEF],
        accepted_share=round(taken / decided, 4) if decided else None,
        accepted_chars=sum(row.accepted_chars for row in rows),
        p50_ms=quantile((row.latency_ms for row in rows), 0.50),
        p95_ms=quantile((row.latency_ms for row in rows), 0.95),
    )


def _engine_of(row: Row) -> str:
    if not row.engine:
        return UNKNOWN
    return f"{row.engine} ({row.model})" if row.model and row.model != row.engine else row.engine


def _day_of(row: Row) -> str:
    return datetime.datetime.fromtimestamp(row.at).astimezone().date().isoformat()
