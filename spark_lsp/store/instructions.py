"""The user's own instructions for edits, on this machine only: the newest first, each once, 200 at most.

They are texts that the user typed. Secrets are removed from them before they come here.
"""

from pathlib import Path

from spark_lsp.store import place
from spark_lsp.store.database import Database

NAME = "instructions.sqlite3"
MOST = 200
_TABLE = (
    "CREATE TABLE instructions (number INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL UNIQUE) STRICT"
)
_ADD = "INSERT OR REPLACE INTO instructions (text) VALUES (?)"
_PRUNE = (
    "DELETE FROM instructions WHERE number NOT IN "
    "(SELECT number FROM instructions ORDER BY number DESC LIMIT ?)"
)


class Instructions:
    """The instructions of one user; `add` and `load` raise `StoreError`."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or place.directory()) / NAME
        self._database = Database(self.file, "your instructions for edits", 1, (_TABLE,))

    def add(self, instruction: str) -> None:
        """Keep an instruction as the newest one."""
        with self._database.write() as link:
            link.execute(_ADD, (instruction,))
            link.execute(_PRUNE, (MOST,))

    def load(self) -> list[str]:
        """Return the instructions, the newest first; none if the file is missing."""
        with self._database.read() as link:
            if link is None:
                return []
            rows = link.execute("SELECT text FROM instructions ORDER BY number DESC").fetchall()
        return [text for (text,) in rows]
