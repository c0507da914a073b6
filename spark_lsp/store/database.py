"""A small SQLite file of our own state (mode 600) that several processes read and write at the same time."""

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.errors import StoreError

PATIENCE = 5.0  # seconds to wait for another writing process


@dataclass(frozen=True, slots=True)
class Database:
    """One file with the tables of `schema`; `what` names its content for the user.

    `version` is that of the schema. A file of another version is not touched.
    """

    file: Path
    what: str
    version: int
    schema: Sequence[str]

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """Give a connection in a transaction, and create the file if it is missing. Raises `StoreError`."""
        with self._failures():
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as link:
                self._read_version(link)  # a file of another release is left as it is
                with suppress(sqlite3.OperationalError):  # another process holds it; a later one will switch
                    link.execute("PRAGMA journal_mode = WAL")
                link.execute("PRAGMA synchronous = NORMAL")
                with link:
                    self._prepare(link)
                    yield link

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection | None]:
        """Give a connection that only reads; None without a file. Raises `StoreError`."""
        if not self.file.is_file():
            yield None
            return
        with self._failures():
            address = f"{self.file.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as link:
                yield link if self._read_version(link) else None

    def _prepare(self, link: sqlite3.Connection) -> None:
        """Create the tables of a new file. Raises `StoreError` for a file of another release."""
        if self._read_version(link) == self.version:
            return
        link.execute("BEGIN IMMEDIATE")
        if self._read_version(link) == 0:  # no other process has created them in the meantime
            for statement in self.schema:
                link.execute(statement)
            link.execute(f"PRAGMA user_version = {self.version}")

    def _read_version(self, link: sqlite3.Connection) -> int:
        """Return the version of the file's schema; 0 for a new file. Raises `StoreError` for another one."""
        # In this order: another process may create the tables, with their version, between the two.
        (tables,) = link.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (found,) = link.execute("PRAGMA user_version").fetchone()
        if found != self.version and (found or tables):
            raise self._unusable("was written by another release")
        return found

    @contextmanager
    def _failures(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(f"cannot be used: {error}") from error

    def _unusable(self, why: str) -> StoreError:
        return StoreError(
            f"The file {self.file} {why}",
            f"It keeps {self.what}; spark-lsp continues without it",
            "Check the file's mode and the disk, or delete the file",
        )
