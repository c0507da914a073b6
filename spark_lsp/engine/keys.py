"""Where a key comes from: an environment variable, or a file that nobody else can read."""

import os
from pathlib import Path

from spark_lsp.errors import EngineError


def key_of(name: str, variable: str, file: str) -> str:
    """Return the key of an engine, or nothing if it has none. Raises `EngineError` if it cannot be had."""
    if variable:
        key = os.environ.get(variable, "").strip()
        if not key:
            why = f"the environment variable {variable} is not set where the gateway was started"
            raise _no_key(name, why, f"Set {variable}, and start the editor anew")
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
        f"The engine {name!r} has no key: {why}", "It is passed over", remedy, code="engine_unavailable"
    )
