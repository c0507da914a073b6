"""A file that several processes create and read at the same time."""

import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from spark_lsp.store.database import Database

SCHEMA = ("CREATE TABLE kept (value TEXT NOT NULL) STRICT",)


@pytest.mark.parametrize("statement", ["sqlite_schema", "user_version"])
def test_another_process_may_create_the_tables_while_this_one_looks(tmp_path: Path, statement: str) -> None:
    database = Database(tmp_path / "a.sqlite3", "things", 1, SCHEMA)
    database.file.touch()
    connect = sqlite3.connect
    created: list[str] = []

    def create(sql: str) -> None:
        if statement in sql and not created:
            created.append(sql)
            with closing(connect(database.file)) as other, other:
                other.execute(SCHEMA[0])
                other.execute("PRAGMA user_version = 1")

    def watched(*arguments: object, **options: object) -> sqlite3.Connection:
        link: sqlite3.Connection = connect(*arguments, **options)  # type: ignore[call-overload]
        link.set_trace_callback(create)
        return link

    with patch("sqlite3.connect", watched), database.read():
        pass
    assert created
