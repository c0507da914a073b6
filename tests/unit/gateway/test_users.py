"""The users of a team's gateway: their tokens, and the file that keeps the hashes."""

import os
import stat
from pathlib import Path

import pytest

from spark_lsp.errors import ArgumentError, ConfigError
from spark_lsp.gateway.users import Users, add_user, read_users, remove_user

TODAY = "2026-01-31"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "users"


def test_a_token_opens_for_its_user_only(path: Path) -> None:
    alice, bob = add_user(path, "alice", TODAY), add_user(path, "bob.b@example-team", TODAY)
    users = Users(path)
    assert users.find(alice) == "alice"
    assert users.find(bob) == "bob.b@example-team"
    secret = alice.removeprefix("alice.")
    for wrong in (
        "",
        ".",
        "alice",
        "alice.",
        secret,
        f"bob.b@example-team.{secret}",
        f"{alice}x",
        alice[:-1],
    ):
        assert users.find(wrong) is None, wrong
    assert users.find("alice.\ud800ü") is None


def test_the_file_has_no_token_and_is_the_owner_s_alone(path: Path) -> None:
    token = add_user(path, "alice", TODAY)
    assert token.rpartition(".")[2] not in path.read_text()
    assert len(token.rpartition(".")[2]) >= 43  # 256 bits
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_token_replaces_the_old_one_and_a_removed_user_is_out(path: Path) -> None:
    old, other = add_user(path, "alice", TODAY), add_user(path, "bob", TODAY)
    users = Users(path)
    new = add_user(path, "alice", TODAY)
    assert (users.find(old), users.find(new)) == (None, "alice")
    assert users.take_gone() == {"alice"}
    remove_user(path, "bob")
    assert users.find(other) is None
    assert users.take_gone() == {"bob"}
    assert users.take_gone() == set()
    assert list(read_users(path)) == ["alice"]


def test_a_file_that_breaks_keeps_the_users_it_had(path: Path) -> None:
    token = add_user(path, "alice", TODAY)
    users = Users(path)
    for broken in ("alice nonsense\n", "alice " + "0" * 63 + " 2026-01-31\n"):
        path.write_text(broken)
        assert users.find(token) == "alice"
        with pytest.raises(ConfigError, match="Line 1"):
            read_users(path)
    path.write_bytes(b"\xff\xfe")
    assert users.find(token) == "alice"
    path.unlink()
    assert users.find(token) == "alice"


@pytest.mark.parametrize("name", ["", "-a", ".", "a b", "a/b", "ä", "a" * 64, "a\n"])
def test_a_name_that_cannot_be_used_changes_nothing(path: Path, name: str) -> None:
    with pytest.raises(ArgumentError):
        add_user(path, name, TODAY)
    assert not path.exists()


def test_an_unknown_user_cannot_be_removed(path: Path) -> None:
    add_user(path, "alice", TODAY)
    with pytest.raises(ArgumentError, match="bob"):
        remove_user(path, "bob")
    assert "alice" in read_users(path)


def test_a_missing_file_names_the_remedy(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Users(path)
    assert "fleet token add" in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_a_file_that_others_can_change_is_refused(path: Path) -> None:
    add_user(path, "alice", TODAY)
    path.chmod(0o620)
    with pytest.raises(ConfigError, match="changed by others"):
        Users(path)
    path.chmod(0o644)  # as a mounted secret
    assert Users(path).find("alice.x") is None
