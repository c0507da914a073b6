"""The user's runtime directory: private, short enough, and its state file and lock."""

import os
import stat
from pathlib import Path

import pytest

from spark_lsp import runtime
from spark_lsp.errors import GatewayError

STATE = runtime.State("ws+unix:/run/x.sock", "token", 7, "1.0")

posix = pytest.mark.skipif(os.name != "posix", reason="modes and sockets of POSIX")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(runtime, "SOCKET_PATH_LIMIT", 4096)  # pytest's own directories are deep
    return tmp_path / "run"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_it_is_made_for_the_user_alone_and_narrowed_if_it_was_not(place: Path) -> None:
    assert runtime.directory() == place
    assert mode(place) == 0o700
    place.chmod(0o777)
    runtime.directory()
    assert mode(place) == 0o700


@posix
def test_a_link_in_its_place_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GatewayError, match="SPARK_LSP_RUNTIME_DIR"):
        runtime.directory()
    assert mode(tmp_path / "elsewhere") != 0o700  # nothing was changed there


@posix
def test_one_that_cannot_be_made_is_one_sentence(place: Path) -> None:
    place.symlink_to(place)
    with pytest.raises(GatewayError, match=r"cannot be made: File exists.*SPARK_LSP_RUNTIME_DIR"):
        runtime.directory()


@posix
def test_somebody_else_s_directory_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: place.stat().st_uid + 1)
    with pytest.raises(GatewayError, match="belongs to another user"):
        runtime.directory()


@posix
def test_where_the_path_is_too_long_for_a_socket_a_short_private_one_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
    first, again = runtime.directory(), runtime.directory()
    try:
        assert first == again
        assert len(os.fsencode(first / "gateway-4194304.sock")) <= 104  # macOS has the smallest limit
        assert mode(first) == 0o700
        monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(tmp_path / ("y" * 100)))
        other = runtime.directory()
        assert other != first
        other.rmdir()
    finally:
        first.rmdir()


@posix
def test_a_relative_place_is_the_same_for_a_process_in_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "SOCKET_PATH_LIMIT", 4096)
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", "run")
    monkeypatch.chdir(tmp_path)
    assert runtime.directory() == tmp_path / "run"


def test_a_state_is_read_as_it_was_written_and_only_its_owner_can(place: Path) -> None:
    where = runtime.directory()
    assert runtime.read_state(where) is None
    runtime.write_state(where, STATE)
    assert runtime.read_state(where) == STATE
    if os.name == "posix":
        assert mode(where / "gateway.json") == 0o600
    assert [path.name for path in where.iterdir()] == ["gateway.json"]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"url":"x"}', b'{"url":1,"token":"","pid":1,"version":""}', b"\xff\xfe"]
)
def test_a_damaged_state_is_none(place: Path, damage: bytes) -> None:
    (runtime.directory() / "gateway.json").write_bytes(damage)
    assert runtime.read_state(place) is None


def test_a_process_withdraws_only_its_own_state(place: Path) -> None:
    where = runtime.directory()
    runtime.write_state(where, STATE)
    runtime.remove_state(where, STATE.pid + 1)
    assert runtime.read_state(where) == STATE
    runtime.remove_state(where, STATE.pid)
    assert runtime.read_state(where) is None
    runtime.remove_state(where, STATE.pid)


def test_writing_that_fails_leaves_the_old_file_and_nothing_else(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = runtime.directory()
    runtime.write_state(where, STATE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        runtime.write_private(where / "gateway.json", "new")
    assert runtime.read_state(where) == STATE
    assert [path.name for path in where.iterdir()] == ["gateway.json"]
