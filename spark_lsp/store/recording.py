"""The user's own recorded days, kept only with `stats.record`: times and lengths, never text, names or paths.

Rows are removed by age and number, so the file stays below some megabytes.
"""

import time
from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from pathlib import Path

from spark_lsp.simulate.recorded import Event
from spark_lsp.store import place
from spark_lsp.store.database import Database

NAME = "recording.sqlite3"
MAX_ROWS = 100_000
MAX_DAYS = 90
PRUNE_EVERY = 100  # writes
DAY_SECONDS = 86_400

_COLUMNS = [field.name for field in fields(Event)]
_TABLE = """
CREATE TABLE events (
    at REAL NOT NULL, kind TEXT NOT NULL, first_s REAL NOT NULL, seconds REAL NOT NULL,
    prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, waited INTEGER NOT NULL,
    chars INTEGER NOT NULL
) STRICT
"""
_SCHEMA = (_TABLE, "CREATE INDEX events_at ON events (at)")
_ADD = f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES (?{', ?' * (len(_COLUMNS) - 1)})"
_PRUNE = (
    "DELETE FROM events WHERE at < ? OR rowid IN "
    "(SELECT rowid FROM events ORDER BY at DESC, rowid LIMIT -1 OFFSET ?)"
)


class Recording:
    """The recorded events of one user; all methods raise `StoreError`."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or place.directory()) / NAME
        self._database = Database(self.file, "the times of your recorded days", 1, _SCHEMA)
        self._writes = 0

    def add(self, events: Sequence[Event]) -> None:
        """Write events."""
        with self._database.write() as link:
            link.executemany(_ADD, [astuple(event) for event in events])
            if self._writes % PRUNE_EVERY == 0:
                link.execute(_PRUNE, (time.time() - MAX_DAYS * DAY_SECONDS, MAX_ROWS))
            self._writes += 1

    def load(self) -> list[Event]:
        """Return all events in the order of their times; none if the file is missing."""
        with self._database.read() as link:
            if link is None:
                return []
            rows = link.execute(f"SELECT {', '.join(_COLUMNS)} FROM events ORDER BY at, rowid").fetchall()
        return [replace(event, waited=bool(event.waited)) for event in (Event(*row) for row in rows)]

    def forget(self) -> int:
        """Delete all events; return their number."""
        if not self.file.exists():
            return 0
        with self._database.write() as link:
            link.execute("PRAGMA secure_delete = ON")
            return link.execute("DELETE FROM events").rowcount
