"""The user's approvals, in a small SQLite file (mode 600).

Several servers, the gateway and `spark-lsp trust` may read and write it at the same time; SQLite
allows that. An unreadable file counts as empty, so nothing is approved by accident.
"""

import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from spark_lsp.errors import ConfigError
from spark_lsp.privacy.approvals import ApprovalRequest, approval_requests_of
from spark_lsp.store import place

NAME = "approvals.sqlite3"
PATIENCE = 2.0  # seconds to wait for another writing process
_TABLE = (
    "CREATE TABLE IF NOT EXISTS approvals (kind TEXT NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL, "
    "at REAL NOT NULL, PRIMARY KEY (kind, subject, key)) STRICT"
)


def _make_absolute(ask: ApprovalRequest) -> ApprovalRequest:
    source, _, key = ask.key.partition(":")
    if source == "file" and not os.path.isabs(os.path.expanduser(key)):
        raise ConfigError(
            f"The path {key!r} of a key is not absolute", "The engine is left out", "Give the whole path"
        )
    if ask.kind != "file":
        return ask
    path = os.path.expanduser(ask.subject)
    if not os.path.isabs(path):
        raise ConfigError(
            f"The path {ask.subject!r} is not absolute", "The engine is left out", "Give the whole path"
        )
    return replace(ask, subject=os.path.abspath(path))


def _need_text(ask: ApprovalRequest) -> None:
    try:
        (ask.subject + ask.key).encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigError(
            "The name of the file is not valid UTF-8", "Nothing was approved", "Give the file another name"
        ) from None


class Approvals:
    """The approvals of one user."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or place.directory()) / NAME

    def has(self, ask: ApprovalRequest) -> bool:
        """Tell whether this is approved; False if the file cannot be read."""
        return ask in self.all()

    def all(self) -> list[ApprovalRequest]:
        """Return all approvals, in order; none if the file is missing or damaged."""
        if not self.file.is_file():
            return []
        try:
            with closing(self._open_for_reading()) as link:
                rows = link.execute("SELECT kind, subject, key FROM approvals ORDER BY 1, 2, 3").fetchall()
        except sqlite3.Error:
            return []
        return [
            ApprovalRequest(cast(Literal["endpoint", "file"], kind), subject, key)
            for kind, subject, key in rows
        ]

    def find_missing(self, table: object) -> list[ApprovalRequest]:
        """Return the subjects that an engine's settings need and the user has not approved.

        Raises `ConfigError` for an invalid endpoint, and for a path that is not absolute: each process would
        resolve a relative path against its own directory.
        """
        known = set(self.all())
        return [ask for ask in map(_make_absolute, approval_requests_of(table)) if ask not in known]

    def add(self, ask: ApprovalRequest) -> None:
        """Record an approval. Raises `ConfigError` if it cannot be written."""
        _need_text(ask)
        row = (ask.kind, ask.subject, ask.key, time.time())
        with self._writing() as link:
            link.execute("INSERT OR IGNORE INTO approvals VALUES (?, ?, ?, ?)", row)

    def remove(self, subject: str) -> int:
        """Delete every approval of an endpoint or file; return the number of deleted ones."""
        if not self.file.is_file():
            return 0
        with self._writing() as link:
            return link.execute("DELETE FROM approvals WHERE subject = ?", (subject,)).rowcount

    def damage(self) -> str:
        """Return the problem of the file; empty if it is sound or missing."""
        if not self.file.is_file():
            return ""
        try:
            with closing(self._open_for_reading()) as link:
                link.execute("SELECT count(*) FROM approvals").fetchone()
        except sqlite3.Error as error:
            return str(error)
        return ""

    def _open_for_reading(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.file.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as link, link:
                link.execute(_TABLE)
                yield link
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"The approvals in {self.file} cannot be written: {error}",
                "Your approval is not saved",
                "Check the file's mode and the disk; delete it if it is damaged, and approve again",
            ) from error
