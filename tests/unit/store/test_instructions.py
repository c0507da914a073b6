"""The user's instructions on disk: the newest first, each once, bounded and private."""

import stat
from pathlib import Path

import pytest

from spark_lsp.errors import StoreError
from spark_lsp.store import instructions
from spark_lsp.store.instructions import Instructions


def test_the_newest_comes_first_and_each_once(tmp_path: Path) -> None:
    kept = Instructions(tmp_path)
    assert kept.load() == []
    for text in ("one", "two", "one"):
        kept.add(text)
    assert Instructions(tmp_path).load() == ["one", "two"]


def test_the_oldest_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "MOST", 3)
    kept = Instructions(tmp_path)
    for number in range(5):
        kept.add(str(number))
    assert kept.load() == ["4", "3", "2"]


def test_the_file_is_private(tmp_path: Path) -> None:
    kept = Instructions(tmp_path / "state")
    kept.add("one")
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.file.parent.stat().st_mode) == 0o700


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    kept = Instructions(tmp_path)
    kept.file.write_text("not a database" * 100)
    for work in (kept.load, lambda: kept.add("one")):
        with pytest.raises(StoreError, match="your instructions for edits"):
            work()
