"""One process at a time holds a lock, and a process that dies releases it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import spark_lsp
from spark_lsp.locks import try_lock

HOLDER = """
import pathlib, sys
from spark_lsp.locks import try_lock
with try_lock(pathlib.Path(sys.argv[1])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "some.lock"


def test_one_holds_it_at_a_time(lock: Path) -> None:
    with try_lock(lock) as first, try_lock(lock) as second:
        assert (first, second) == (True, False)
    with try_lock(lock) as third:
        assert third


def test_the_file_is_private(lock: Path) -> None:
    with try_lock(lock):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_an_error_in_the_block_releases_it(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), try_lock(lock):
        raise ZeroDivisionError
    with try_lock(lock) as held:
        assert held


def test_a_file_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), try_lock(tmp_path / "file" / "some.lock"):
        pass


def test_the_system_releases_it_when_its_process_dies(lock: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(spark_lsp.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"True"
        with try_lock(lock) as held:
            assert not held
        holder.kill()
        holder.wait()
    with try_lock(lock) as held:
        assert held
