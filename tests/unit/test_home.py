"""A private directory where there is no home."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from spark_lsp import home

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes of POSIX")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_made_for_the_user_alone_and_stays_the_same(temporary: Path) -> None:
    made = home.private_directory("own")
    assert made is not None
    assert made == temporary / "own"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert home.private_directory("own") == made


def test_what_others_could_have_made_is_passed_over(temporary: Path) -> None:
    (temporary / "own").symlink_to(temporary)
    (temporary / "own-1").mkdir()
    (temporary / "own-1").chmod(0o777)
    (temporary / "own-2").write_text("")
    assert home.private_directory("own") == temporary / "own-3"


def test_somebody_else_s_is_passed_over(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary / "own").mkdir(mode=0o700)
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    assert home.private_directory("own") is None  # what is made here belongs to the first one again


def test_none_where_nothing_can_be_made(temporary: Path) -> None:
    (temporary / "file").write_text("")
    tempfile.tempdir = str(temporary / "file")
    assert home.private_directory("own") is None
