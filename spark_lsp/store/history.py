"""The history of the user's own suggestions: figures only, never text, names or paths of files.

One row per suggestion that was shown. It is written when the outcome is known, and again if that changes.
Rows are removed by age and number, so the file stays below some megabytes.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from spark_lsp.store import place
from spark_lsp.store.database import Database

NAME = "history.sqlite3"
MAX_ROWS = 50_000
MAX_DAYS = 365
PRUNE_EVERY = 100  # writes
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Row:
    """One suggestion that was shown.

    `at` is Unix time in whole seconds. `chars` and `lines` are those of the text, `accepted_chars` of the
    part that the user accepted. `latency_ms` is from the request to the first text on the screen.
    `confidence` is None for engines that do not report it.
    """

    at: int
    language: str
    engine: str
    model: str
    chars: int
    lines: int
    latency_ms: float
    confidence: float | None
    outcome: str
    accepted_chars: int = 0


_COLUMNS = [field.name for field in fields(Row)]
_TABLE = """
CREATE TABLE shown (
    id TEXT PRIMARY KEY, at INTEGER NOT NULL,
    language TEXT NOT NULL, engine TEXT NOT NULL, model TEXT NOT NULL,
    chars INTEGER NOT NULL, lines INTEGER NOT NULL, latency_ms REAL NOT NULL, confidence REAL,
    outcome TEXT NOT NULL, accepted_chars INTEGER NOT NULL
) STRICT
"""
_SCHEMA = (_TABLE, "CREATE INDEX shown_at ON shown (at)")
_ADD = f"INSERT OR REPLACE INTO shown (id, {', '.join(_COLUMNS)}) VALUES (?{', ?' * len(_COLUMNS)})"
_PRUNE = (
    "DELETE FROM shown WHERE at < ? OR id IN (SELECT id FROM shown ORDER BY at DESC, id LIMIT -1 OFFSET ?)"
)


class History:
    """The history of one user; `add` and `rows` raise `StoreError`."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or place.directory()) / NAME
        self._database = Database(self.file, "the figures of your suggestions", 1, _SCHEMA)
        self._session = secrets.token_hex(8)
        self._writes = 0

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Write the rows of suggestions of this session, each with its token."""
        with self._database.write() as link:
            for token, row in rows:
                link.execute(_ADD, (f"{self._session}-{token}", *astuple(row)))
            if self._writes % PRUNE_EVERY == 0:
                link.execute(_PRUNE, (time.time() - MAX_DAYS * DAY_SECONDS, MAX_ROWS))
            self._writes += 1

    def rows(self, since: float = 0.0) -> list[Row]:
        """Return the rows from a Unix time on, in order; none if the file is missing."""
        with self._database.read() as link:
            if link is None:
                return []
            select = f"SELECT {', '.join(_COLUMNS)} FROM shown WHERE at >= ? ORDER BY at, id"
            return [Row(*values) for values in link.execute(select, (since,))]
