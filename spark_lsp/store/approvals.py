"""What the user has approved, in a small SQLite file of their own (mode 600).

Several servers, the gateway and `spark-lsp trust` read and write it at the same time; SQLite sees to that.
A file that cannot be read counts as empty: nothing is approved by accident.
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
from spark_lsp.privacy.approvals import Ask, asks_of
from spark_lsp.store import place

NAME = "approvals.sqlite3"
PATIENCE = 2.0  # seconds to wait for another process that writes
_TABLE = (
    "CREATE TABLE IF NOT EXISTS approvals (kind TEXT NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL, "
    "at REAL NOT NULL, PRIMARY KEY (kind, subject, key)) STRICT"
)


def _absolute(ask: Ask) -> Ask:
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


def _need_text(ask: Ask) -> None:
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

    def has(self, ask: Ask) -> bool:
        """Tell whether this was approved; False if that cannot be found out."""
        return ask in self.all()

    def all(self) -> list[Ask]:
        """Return everything approved, in order; nothing if the file is missing or damaged."""
        if not self.file.is_file():
            return []
        try:
            with closing(self._reading()) as link:
                rows = link.execute("SELECT kind, subject, key FROM approvals ORDER BY 1, 2, 3").fetchall()
        except sqlite3.Error:
            return []
        return [Ask(cast(Literal["endpoint", "file"], kind), subject, key) for kind, subject, key in rows]

    def missing(self, table: object) -> list[Ask]:
        """Return what an engine's settings need and the user has not approved.

        Raises `ConfigError` for an endpoint that is none, and for a path that is not absolute: whose
        directory it would be relative to depends on who reads it.
        """
        known = set(self.all())
        return [ask for ask in map(_absolute, asks_of(table)) if ask not in known]

    def add(self, ask: Ask) -> None:
        """Remember an approval. Raises `ConfigError` if it cannot be written."""
        _need_text(ask)
        row = (ask.kind, ask.subject, ask.key, time.time())
        with self._writing() as link:
            link.execute("INSERT OR IGNORE INTO approvals VALUES (?, ?, ?, ?)", row)

    def remove(self, subject: str) -> int:
        """Forget every approval of an endpoint or file; returns how many there were."""
        if not self.file.is_file():
            return 0
        with self._writing() as link:
            return link.execute("DELETE FROM approvals WHERE subject = ?", (subject,)).rowcount

    def damage(self) -> str:
        """Return what is wrong with the file; empty if nothing is, or there is none."""
        if not self.file.is_file():
            return ""
        try:
            with closing(self._reading()) as link:
                link.execute("SELECT count(*) FROM approvals").fetchone()
        except sqlite3.Error as error:
            return str(error)
        return ""

    def _reading(self) -> sqlite3.Connection:
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
                "What you approved is not remembered",
                "Check the file's mode and the disk; delete it if it is damaged, and approve again",
            ) from error
