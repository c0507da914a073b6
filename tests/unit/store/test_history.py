"""The history and the refusals on disk: private, bounded, shared, and never a reason to fail."""

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from spark_lsp.errors import StoreError
from spark_lsp.session.refusals import MOST, Refusal
from spark_lsp.store import database, history, refused
from spark_lsp.store.history import DAY_SECONDS, MAX_DAYS, History, Row
from spark_lsp.store.refused import Refused

NOW = int(time.time())
ROW = Row(NOW, "python", "local", "qwen", 12, 1, 80.5, 0.75, "accepted", 12)
needs_modes = pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everything")


def test_rows_come_back_in_order_from_a_time_on(tmp_path: Path) -> None:
    kept = History(tmp_path)
    assert kept.rows() == []
    later = replace(ROW, at=NOW + 5, confidence=None)
    kept.add([(2, later), (1, ROW)])
    assert History(tmp_path).rows() == [ROW, later]
    assert kept.rows(NOW + 1) == [later]


def test_a_later_outcome_replaces_the_first_of_the_same_session_only(tmp_path: Path) -> None:
    kept = History(tmp_path)
    kept.add([(1, replace(ROW, outcome="ignored"))])
    kept.add([(1, ROW)])
    assert kept.rows() == [ROW]
    History(tmp_path).add([(1, ROW)])
    assert kept.rows() == [ROW, ROW]


def test_old_and_many_rows_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_ROWS", 3)
    old = replace(ROW, at=NOW - MAX_DAYS * DAY_SECONDS - 60)
    kept = History(tmp_path)
    kept.add([(token, replace(ROW, at=NOW + token)) for token in range(1, 6)] + [(9, old)])
    assert [row.at - NOW for row in kept.rows()] == [3, 4, 5]


def test_the_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    History(folder).add([(1, ROW)])
    Refused(folder).load()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in (history.NAME, refused.NAME):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        History(tmp_path).add([(number, replace(ROW, at=NOW + number))])
        Refused(tmp_path).add(Refusal("place", number, "text"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    assert [row.at - NOW for row in History(tmp_path).rows()] == list(range(40))
    assert sorted(each.length for each in Refused(tmp_path).load()[1]) == list(range(40))


def test_one_salt_for_all_servers(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        salts = list(threads.map(lambda _: Refused(tmp_path).load()[0], range(16)))
    assert len(set(salts)) == 1
    assert len(salts[0]) == 16


def test_refusals_come_back_oldest_first_and_are_bounded(tmp_path: Path) -> None:
    kept = Refused(tmp_path)
    kept.load()
    first, second = Refusal("a", 1, "x"), Refusal("b", 2, "y")
    kept.add(first)
    kept.add(second)
    kept.add(first)
    assert kept.load()[1] == [second, first]
    with sqlite3.connect(kept.file) as link:
        rows = [("z", number, "x", float(number)) for number in range(MOST)]
        link.executemany("INSERT INTO refused VALUES (?, ?, ?, ?)", rows)
    kept.add(second)
    found = kept.load()[1]
    assert len(found) == MOST
    assert found[-2:] == [first, second]


def read_history(folder: Path) -> object:
    return History(folder).rows()


def write_history(folder: Path) -> object:
    return History(folder).add([(1, ROW)])


def load_refused(folder: Path) -> object:
    return Refused(folder).load()


USES = [read_history, write_history, load_refused]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("damage", ["garbage", "later", "other", "cut"])
def test_a_file_that_cannot_be_used_is_named_and_left_alone(
    tmp_path: Path, use: Callable[[Path], object], damage: str
) -> None:
    if damage == "cut":
        History(tmp_path).add([(token, ROW) for token in range(500)])
        Refused(tmp_path).load()
    for name in (history.NAME, refused.NAME):
        file = tmp_path / name
        if damage == "garbage":
            file.write_bytes(b"no database" * 500)
        elif damage == "cut":
            with sqlite3.connect(file) as link:
                link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            file.write_bytes(file.read_bytes()[:4096] + b"\xff" * 8192)
        else:
            with sqlite3.connect(file) as link:
                link.execute("PRAGMA user_version = 99" if damage == "later" else "CREATE TABLE other (x)")
    before = {each.name: each.read_bytes() for each in tmp_path.glob("*.sqlite3")}
    with pytest.raises(StoreError, match="sqlite3") as caught:
        use(tmp_path)
    assert "continues without it" in str(caught.value)
    assert {each.name: each.read_bytes() for each in tmp_path.glob("*.sqlite3")} == before


@pytest.mark.parametrize("use", USES[1:])
def test_a_folder_that_cannot_be_created(tmp_path: Path, use: Callable[[Path], object]) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="cannot be used"):
        use(tmp_path / "state")
    assert read_history(tmp_path / "state") == []


@needs_modes
@pytest.mark.parametrize("use", USES[1:])
def test_a_folder_that_cannot_be_written(tmp_path: Path, use: Callable[[Path], object]) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot be used"):
            use(tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("use", USES[1:])
def test_a_full_disk(tmp_path: Path, use: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(sqlite3.Connection):
        """A connection whose file may not grow, as on a full disk."""

        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)  # type: ignore[arg-type]
            self.execute("PRAGMA max_page_count = 1")

    original = sqlite3.connect
    monkeypatch.setattr(database.sqlite3, "connect", lambda *a, **n: original(*a, **n, factory=Full))
    with pytest.raises(StoreError, match="full"):
        use(tmp_path)


@pytest.mark.parametrize("use", USES[1:])
def test_a_file_that_another_process_holds(
    tmp_path: Path, use: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_history(tmp_path)
    load_refused(tmp_path)
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    links = [sqlite3.connect(file, isolation_level=None) for file in tmp_path.glob("*.sqlite3")]
    try:
        for link in links:
            link.execute("BEGIN EXCLUSIVE")
        if use is load_refused:
            Refused(tmp_path).load()  # it only reads, which a writer does not prevent
            use = lambda folder: Refused(folder).add(Refusal("a", 1, "x"))  # noqa: E731
        with pytest.raises(StoreError, match="locked"):
            use(tmp_path)
    finally:
        for link in links:
            link.close()
    use(tmp_path)
