"""The accounts of budgets on disk, shared by all gateways of a user; see `budget.ledger`.

A reservation is one transaction that begins with the file's write lock, so two gateways cannot reserve the
same amount. SQLite ends a transaction of a killed process without effect.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spark_lsp.answer_events import Usage
from spark_lsp.budget.ledger import LEASE_S, Charge, Claim, Decision, Moment, UsageRow
from spark_lsp.budget.limits import Amount, Limits, Standing, find_excess
from spark_lsp.store import place
from spark_lsp.store.database import Database, KeptConnection

NAME = "budget.sqlite3"
MOST_ROWS = 20_000  # of `usage`: some years of a few models a day

_SCHEMA = (
    """CREATE TABLE spent (
        owner TEXT NOT NULL, account TEXT NOT NULL, currency TEXT NOT NULL, day TEXT NOT NULL,
        tokens INTEGER NOT NULL, money INTEGER NOT NULL,
        PRIMARY KEY (owner, account, day, currency)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE reserved (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, engine TEXT NOT NULL, model TEXT NOT NULL,
        accounts TEXT NOT NULL, currency TEXT NOT NULL, day TEXT NOT NULL,
        tokens INTEGER NOT NULL, money INTEGER NOT NULL, expires REAL NOT NULL) STRICT, WITHOUT ROWID""",
    """CREATE TABLE usage (
        owner TEXT NOT NULL, day TEXT NOT NULL, engine TEXT NOT NULL, model TEXT NOT NULL,
        currency TEXT NOT NULL, simulated INTEGER NOT NULL, answers INTEGER NOT NULL,
        estimated INTEGER NOT NULL, input INTEGER NOT NULL, cached INTEGER NOT NULL,
        output INTEGER NOT NULL, money INTEGER NOT NULL,
        PRIMARY KEY (owner, day, engine, model, currency, simulated)) STRICT, WITHOUT ROWID""",
)
_SPEND = """INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET tokens = tokens + excluded.tokens, money = money + excluded.money"""
_COUNT = """INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET answers = answers + excluded.answers, estimated = estimated + excluded.estimated,
    input = input + excluded.input, cached = cached + excluded.cached, output = output + excluded.output,
    money = money + excluded.money"""
_RESERVE = "INSERT INTO reserved VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PRUNE = "DELETE FROM usage WHERE day < (SELECT day FROM usage ORDER BY day DESC LIMIT 1 OFFSET ?)"


class SqliteLedger:
    """See the module's text and `budget.ledger.Ledger`."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or place.directory()) / NAME
        self._database = Database(self.file, "the budgets and the usage of engines", 1, _SCHEMA)
        self._kept = KeptConnection(self._database)

    def reserve(self, claim: Claim, limits: Mapping[str, Limits], now: float) -> Decision:
        """Reserve a claim if it fits under the limits of all its accounts. Raises `StoreError`."""
        with self._kept.transaction() as link:
            _charge_expired(link, now)
            standings = _read_standings(link, limits, claim.day, claim.owner)
            for account in claim.accounts:
                if account not in limits:
                    continue
                excess = find_excess(standings[account], claim.ask, limits[account])
                if excess is not None:
                    return Decision(standings, account, excess)
            link.execute(_RESERVE, _row_of(claim, now + LEASE_S))
            grown = {
                name: Standing(each.spent, each.reserved + claim.ask) if name in claim.accounts else each
                for name, each in standings.items()
            }
            return Decision(grown)

    def settle(self, charges: Sequence[Charge], now: float) -> None:
        """Book charges, and end their reservations. Raises `StoreError`."""
        with self._kept.transaction() as link:
            _charge_expired(link, now)
            for charge in charges:
                _settle(link, charge)
            link.execute(_PRUNE, (MOST_ROWS,))

    def standings(self, limits: Mapping[str, Limits], moment: Moment, owner: str = "") -> dict[str, Standing]:
        """Return the standing of each account. Raises `StoreError`."""
        with self._database.read() as link:
            if link is None:
                return {account: Standing() for account in limits}
            return _read_standings(link, limits, moment.day, owner)

    def usage(self, since: str, owner: str = "") -> list[UsageRow]:
        """Return the use of each model from a day on, in order. Raises `StoreError`."""
        with self._database.read() as link:
            if link is None:
                return []
            rows = link.execute(
                "SELECT day, engine, model, currency, simulated, answers, estimated, input, cached, output, "
                "money FROM usage WHERE owner = ? AND day >= ? ORDER BY day, engine, model, currency",
                (owner, since),
            )
            return [
                UsageRow(day, engine, model, currency, bool(simulated), *counts)
                for day, engine, model, currency, simulated, *counts in rows
            ]

    def close(self) -> None:
        """Close the file."""
        self._kept.close()


def _row_of(claim: Claim, expires: float) -> tuple[Any, ...]:
    accounts = json.dumps(claim.accounts)
    place_of = (claim.identity, claim.owner, claim.engine, claim.model, accounts, claim.currency, claim.day)
    return (*place_of, claim.ask.tokens, claim.ask.money, expires)


def _charge_expired(link: sqlite3.Connection, now: float) -> None:
    """Charge the reservations of processes that ended without settling them."""
    rows = link.execute(
        "DELETE FROM reserved WHERE expires <= ? "
        "RETURNING id, owner, engine, model, accounts, currency, day, tokens, money",
        (now,),
    ).fetchall()
    for identity, owner, engine, model, accounts, currency, day, tokens, money in rows:
        names = tuple(json.loads(accounts))
        claim = Claim(identity, engine, model, names, Amount(tokens, money), currency, day, owner)
        _book(link, Charge(claim, Usage(tokens), money, model, estimated=1), claim.ask)


def _settle(link: sqlite3.Connection, charge: Charge) -> None:
    """Book one charge. A claim that has expired was charged already: only what exceeds that is added."""
    amount = charge.amount
    if charge.is_reserved:
        ended = link.execute("DELETE FROM reserved WHERE id = ?", (charge.claim.identity,)).rowcount
        if not ended:
            amount = amount.exceed_by(charge.claim.ask)
    _book(link, charge, amount)


def _book(link: sqlite3.Connection, charge: Charge, amount: Amount) -> None:
    claim, usage = charge.claim, charge.usage
    if amount == Amount() and not charge.answers:
        return
    for account in claim.accounts:
        link.execute(_SPEND, (claim.owner, account, claim.currency, claim.day, amount.tokens, amount.money))
    is_first = amount == charge.amount  # else its reservation has expired, and it was counted then
    counted = usage if is_first else Usage(amount.tokens)
    link.execute(
        _COUNT,
        (
            *(claim.owner, claim.day, claim.engine, charge.model, claim.currency, int(charge.is_simulated)),
            *((charge.answers, charge.estimated) if is_first else (0, 0)),
            *(counted.input_tokens, counted.cached_tokens, counted.output_tokens, amount.money),
        ),
    )


def _read_standings(
    link: sqlite3.Connection, limits: Mapping[str, Limits], day: str, owner: str
) -> dict[str, Standing]:
    """Return the standings as of a day; charges to later days count too."""
    reserved = link.execute(
        "SELECT accounts, currency, tokens, money FROM reserved WHERE owner = ? AND day >= ?", (owner, day)
    ).fetchall()
    held = [(set(json.loads(names)), *amounts) for names, *amounts in reserved]
    standings: dict[str, Standing] = {}
    for account, limit in limits.items():
        spent = link.execute(
            "SELECT currency, tokens, money FROM spent WHERE owner = ? AND account = ? AND day >= ?",
            (owner, account, day),
        ).fetchall()
        own = [amounts for names, *amounts in held if account in names]
        standings[account] = Standing(_sum(spent, limit.currency), _sum(own, limit.currency))
    return standings


def _sum(rows: Iterable[Sequence[Any]], currency: str) -> Amount:
    """Return the sum of amounts `(currency, tokens, money)`; money counts in one currency only."""
    total = Amount()
    for found, tokens, money in rows:
        total += Amount(tokens, money if found == currency else 0)
    return total
