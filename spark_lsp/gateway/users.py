"""The users of a team's gateway, each with a token of which a file keeps the hash.

A line of the file has the user's name, the SHA-256 of the secret, and the date on which the token was made.
A token is `NAME.SECRET`; the secret has 256 random bits, so a plain hash of it cannot be reversed by
guessing, and needs no salt. The gateway reads the file again whenever it has changed.
"""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.errors import ArgumentError, ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
SECRET_BYTES = 32
HEADER = (
    "# users of a spark-lsp gateway: name, SHA-256 of the token's secret, date; see `spark-lsp fleet token`\n"
)
_LINE = re.compile(rf"({NAME.pattern})\s+([0-9a-f]{{64}})\s+(\d{{4}}-\d\d-\d\d)")
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class User:
    """A user: `digest` is the SHA-256 of the token's secret, `since` the date of the token."""

    name: str
    digest: str
    since: str


class Users:
    """The users of a file. A file that becomes unreadable while the gateway runs keeps its last users."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._users = read_users(path)
        self._state = _state_of(path)
        self._gone: set[str] = set()

    def find(self, token: str) -> str | None:
        """Return the name of the user with this token, or None. Takes the same time for any secret."""
        self._refresh()
        name, _, secret = token.rpartition(".")
        user = self._users.get(name)
        expected = user.digest if user is not None else _NOBODY
        is_right = hmac.compare_digest(_digest(secret), expected)
        return name if is_right and user is not None else None

    def take_gone(self) -> set[str]:
        """Return the users whose tokens have been removed or replaced since the last call."""
        self._refresh()
        gone, self._gone = self._gone, set()
        return gone

    def _refresh(self) -> None:
        """Read the file again if it has changed."""
        state = _state_of(self._path)
        if state == self._state or state is None:
            return
        self._state = state
        with suppress(ConfigError):
            before, self._users = self._users, read_users(self._path)
            self._gone |= {name for name, user in before.items() if self._users.get(name) != user}


def read_users(path: Path) -> Mapping[str, User]:
    """Return the users of a file by name. Raises `ConfigError` if the file cannot be used."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o022:
            raise ConfigError(
                f"The file of users {path} can be changed by others",
                "The gateway would accept anybody's tokens",
                f"chmod go-w {path}",
            )
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The file of users {path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}",
            "No user could connect",
            f"Create it: spark-lsp fleet token add NAME --users {path}",
        ) from error
    users = (_read_line(path, number, line) for number, line in enumerate(lines, 1))
    return {user.name: user for user in users if user is not None}


def _read_line(path: Path, number: int, line: str) -> User | None:
    if not line.strip() or line.startswith("#"):
        return None
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise ConfigError(
            f"Line {number} of {path} is not a user",
            "The users of this file are not accepted",
            "Remove the line, and add the user with `spark-lsp fleet token add NAME`",
        )
    return User(*match.groups())


def add_user(path: Path, name: str, today: str) -> str:
    """Add a user, or replace the token of an existing one; return the token, which is kept nowhere.

    Raises `ArgumentError` for a name that cannot be used, `ConfigError` for a file that cannot be used.
    """
    if NAME.fullmatch(name) is None:
        raise ArgumentError(
            f"{name!r} cannot be a user's name",
            "Nothing was changed",
            "Use up to 63 letters, digits, `.`, `_`, `-` and `@`",
        )
    secret = secrets.token_urlsafe(SECRET_BYTES)
    users = dict(read_users(path)) if path.exists() else {}
    users[name] = User(name, _digest(secret), today)
    _write(path, users)
    return f"{name}.{secret}"


def remove_user(path: Path, name: str) -> None:
    """Remove a user. Raises `ArgumentError` if the file has no such user, `ConfigError` as `read_users`."""
    users = dict(read_users(path))
    if users.pop(name, None) is None:
        known = ", ".join(users) or "nobody"
        raise ArgumentError(f"There is no user {name!r}", "Nothing was changed", f"The file has: {known}")
    _write(path, users)


def _write(path: Path, users: Mapping[str, User]) -> None:
    """Replace the file, completely or not at all; only its owner can read it."""
    lines = (f"{user.name} {user.digest} {user.since}\n" for _, user in sorted(users.items()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(HEADER + "".join(lines))
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise ConfigError(
            f"The file of users {path} cannot be written: {error.strerror}",
            "Nothing was changed",
            "Check the folder's owner and mode",
        ) from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """Return a value that changes with the file's contents; None if the file is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
