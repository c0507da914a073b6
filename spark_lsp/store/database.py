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
        with self.failures(), closing(self._open_file()) as link, link:
            self._prepare(link)
            yield link

    def open_writer(self) -> sqlite3.Connection:
        """Return a connection to the file with its tables; any thread may use it, one at a time."""
        link = self._open_file(check_same_thread=False)
        try:
            with link:
                self._prepare(link)
        except BaseException:
            link.close()
            raise
        return link

    def _open_file(self, *, check_same_thread: bool = True) -> sqlite3.Connection:
        """Open the file, and create it if it is missing."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
        link = sqlite3.connect(self.file, timeout=PATIENCE, check_same_thread=check_same_thread)
        try:
            self._read_version(link)  # a file of another release is left as it is
            with suppress(sqlite3.OperationalError):  # another process holds it; a later one will switch
                link.execute("PRAGMA journal_mode = WAL")
            link.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            link.close()
            raise
        return link

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection | None]:
        """Give a connection that only reads; None without a file. Raises `StoreError`."""
        if not self.file.is_file():
            yield None
            return
        with self.failures():
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
            raise self._make_unusable_error("was written by another release")
        return found

    @contextmanager
    def failures(self) -> Generator[None]:
        """Turn the failures of a file into `StoreError`."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._make_unusable_error(f"cannot be used: {error}") from error

    def _make_unusable_error(self, why: str) -> StoreError:
        return StoreError(
            f"The file {self.file} {why}",
            f"It keeps {self.what}; spark-lsp continues without it",
            "Check the file's mode and the disk, or delete the file",
        )


class KeptConnection:
    """A writing connection that stays open between transactions, for one thread.

    Opening a file takes longer than a small transaction. The connection is opened again if another process
    has removed the file, or after a failure.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._link: sqlite3.Connection | None = None
        self._identity = (0, 0)

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Give the connection in a transaction that holds the file's write lock. Raises `StoreError`."""
        with self._database.failures():
            link = self._open()
            try:
                link.execute("BEGIN IMMEDIATE")
                with link:
                    yield link
            except BaseException:
                self.close()
                raise

    def _open(self) -> sqlite3.Connection:
        if self._link is not None and self._identity == _identity_of(self._database.file):
            return self._link
        self.close()
        self._link = self._database.open_writer()
        self._identity = _identity_of(self._database.file)
        return self._link

    def close(self) -> None:
        """Close the connection; the next transaction opens it again."""
        link, self._link = self._link, None
        if link is not None:
            link.close()


def _identity_of(file: Path) -> tuple[int, int]:
    """Return the device and the number of a file; zeros for a missing one."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
