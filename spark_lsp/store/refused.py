"""The refusals on disk: salted hashes of places and texts, which say nothing about the code."""

import secrets
import time
from pathlib import Path

from spark_lsp.session.refusals import MOST, Refusal
from spark_lsp.store import place
from spark_lsp.store.database import Database

NAME = "refused.sqlite3"
_TABLE = """
CREATE TABLE refused (
    place TEXT NOT NULL, length INTEGER NOT NULL, text TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (place, length, text)
) STRICT
"""
_SCHEMA = ("CREATE TABLE salt (value BLOB NOT NULL) STRICT", _TABLE)
_PRUNE = "DELETE FROM refused WHERE rowid NOT IN (SELECT rowid FROM refused ORDER BY at DESC LIMIT ?)"


class Refused:
    """The refusals of one user; `load` and `add` raise `StoreError`."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or place.directory()) / NAME
        self._database = Database(self.file, "what you refused and where", 1, _SCHEMA)

    def load(self) -> tuple[bytes, list[Refusal]]:
        """Return the salt and the refusals, the oldest first; a new salt if the file has none."""
        with self._database.write() as link:
            found = link.execute("SELECT value FROM salt").fetchone()
            salt: bytes = found[0] if found else secrets.token_bytes(16)
            if not found:
                link.execute("INSERT INTO salt VALUES (?)", (salt,))
            rows = link.execute("SELECT place, length, text FROM refused ORDER BY at").fetchall()
        return salt, [Refusal(*row) for row in rows]

    def add(self, refusal: Refusal) -> None:
        """Keep a refusal; the oldest beyond `MOST` are removed."""
        row = (refusal.place, refusal.length, refusal.text, time.time())
        with self._database.write() as link:
            link.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)", row)
            link.execute(_PRUNE, (MOST,))
