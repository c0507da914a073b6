"""API keys, from environment variables or from files that only the user can read.

The gateway reads both again for each request. It lives longer than the shell that started it, so a variable
may be set later: an editor that has the variable sends its value to the user's own gateway, which keeps it in
memory until that editor disconnects.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError


class HandedKeys:
    """The keys that connected editors have sent, by variable.

    Keys are ignored until `accept` is called, which only the gateway of a single user does: one user of a
    shared gateway must not be able to replace its keys.
    """

    def __init__(self) -> None:
        self._accepts = False
        self._of: dict[object, dict[str, str]] = {}  # by owner, the latest last

    def accept(self) -> None:
        """Accept keys from now on."""
        self._accepts = True

    def take(self, owner: object, keys: Mapping[str, str], wanted: Collection[str]) -> None:
        """Replace the keys of `owner` by those of `keys` whose variables are `wanted`."""
        self.forget(owner)
        kept = {name: value for name, value in keys.items() if name in wanted and value}
        if kept and self._accepts:
            self._of[owner] = kept

    def forget(self, owner: object) -> None:
        """Forget the keys of `owner`."""
        self._of.pop(owner, None)

    def value(self, variable: str) -> str:
        """Return the key that an editor sent last, else that of our environment; "" if neither exists."""
        handed = (keys[variable] for keys in reversed(self._of.values()) if variable in keys)
        return next(handed, os.environ.get(variable, "")).strip()


HANDED = HandedKeys()
"""The keys of this process."""


def key_of(name: str, variable: str, file: str) -> str:
    """Return an engine's key, or "" if its settings name no key. Raises `EngineError` for a missing key."""
    if variable:
        key = HANDED.value(variable)
        if not key:
            why = f"the environment variable {variable} is not set, neither for the gateway nor for an editor"
            remedy = f"Set {variable} where you start your editor, and restart the editor"
            raise _no_key(name, why, remedy)
        if not _is_key(key):
            raise _no_key(name, f"the value of {variable} is not a valid API key", f"Correct {variable}")
        return key
    return _from_file(name, Path(file).expanduser()) if file else ""


def _from_file(name: str, path: Path) -> str:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise _no_key(name, f"other users can read the file {path}", f"Run: chmod 600 {path}")
        key = path.read_text("utf-8", errors="replace").strip()
    except OSError as error:
        raise _no_key(
            name, f"the file {path} cannot be read: {error.strerror}", f"Correct `key_file` of engines.{name}"
        ) from error
    if not _is_key(key):
        raise _no_key(name, f"the file {path} does not contain a valid key", "Write only the key into it")
    return key


def _is_key(key: str) -> bool:
    """Return whether a header can contain it."""
    return bool(key) and key.isascii() and key.isprintable()


def _no_key(name: str, why: str, remedy: str) -> EngineError:
    return EngineError(
        f"Engine {name!r} has no API key: {why}",
        "The route uses its next engine",
        remedy,
        code=Code.ENGINE_UNAVAILABLE,
    )
