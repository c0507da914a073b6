"""Where a key comes from: an environment variable, or a file that nobody else can read.

Both are read again for each request. A gateway lives longer than the shell that started it, so a variable may
be set later than that: an editor that has it hands it to its own gateway, which keeps it in memory until that
editor leaves.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError


class HandedKeys:
    """The keys that connected editors have handed over, by variable.

    Nothing is taken until `accept` is called, as the gateway of a single user does: whoever shares a gateway
    with others must not be able to replace its keys.
    """

    def __init__(self) -> None:
        self._accepts = False
        self._of: dict[object, dict[str, str]] = {}  # by owner, the latest last

    def accept(self) -> None:
        """Take keys from now on."""
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
        """Return the key that was handed over last, else that of our own environment; empty without one."""
        handed = (keys[variable] for keys in reversed(self._of.values()) if variable in keys)
        return next(handed, os.environ.get(variable, "")).strip()


HANDED = HandedKeys()
"""Those of this process."""


def key_of(name: str, variable: str, file: str) -> str:
    """Return the key of an engine, or nothing if it has none. Raises `EngineError` if it cannot be had."""
    if variable:
        key = HANDED.value(variable)
        if not key:
            why = f"the environment variable {variable} is not set, neither for the gateway nor for an editor"
            remedy = f"Set {variable} where your editor is started, and start the editor again"
            raise _no_key(name, why, remedy)
        if not _is_key(key):
            raise _no_key(
                name, f"what the environment variable {variable} holds is none", f"Correct {variable}"
            )
        return key
    return _from_file(name, Path(file).expanduser()) if file else ""


def _from_file(name: str, path: Path) -> str:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise _no_key(name, f"the file {path} can be read by others", f"chmod 600 {path}")
        key = path.read_text("utf-8", errors="replace").strip()
    except OSError as error:
        raise _no_key(
            name, f"the file {path} cannot be read: {error.strerror}", f"Correct `key_file` of engines.{name}"
        ) from error
    if not _is_key(key):
        raise _no_key(name, f"the file {path} holds no key", "Write the key into it, and nothing else")
    return key


def _is_key(key: str) -> bool:
    """Whether it can stand in a header."""
    return bool(key) and key.isascii() and key.isprintable()


def _no_key(name: str, why: str, remedy: str) -> EngineError:
    return EngineError(
        f"The engine {name!r} has no key: {why}", "It is passed over", remedy, code=Code.ENGINE_UNAVAILABLE
    )
