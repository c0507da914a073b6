"""Prepares the environment of this process before other code uses it: search paths, descriptors, a home.

Containers and services run programs under a user id that no user database knows, without HOME, with closed
descriptors, or with relative paths in the environment. Libraries answer each of these with an exception, or
with a folder called `~` in the working directory. Our programs therefore call `settle` first.
"""

import os
import stat
from pathlib import Path

from spark_lsp.search_path import NEUTRAL, leave_working_directory, without_working_directory

_NAMES = 10  # tried in turn, if another user has taken the first


def settle() -> None:
    """Make the environment of this process usable; called once, when a program starts."""
    leave_working_directory()
    _open_descriptors()
    wanted = without_working_directory(os.environ)
    for name in [name for name in os.environ if name not in wanted]:
        del os.environ[name]
    os.environ.update({name: value for name, value in wanted.items() if os.environ[name] != value})
    if os.name == "posix" and not os.path.isabs(os.path.expanduser("~")):
        os.environ["HOME"] = str(private_directory(_name()) or NEUTRAL)


def is_temporary() -> bool:
    """Tell whether `settle` created the home directory because the user has no other."""
    return Path(os.environ.get("HOME", "")).name.startswith(_name()) if os.name == "posix" else False


def _name() -> str:
    return f"spark-lsp-home-{os.getuid()}"


def private_directory(name: str, parent: Path | None = None) -> Path | None:
    """Return a directory below `parent` that only we can use, called `name` unless that is taken.

    The parent is the temporary directory unless another is given.

    A missing directory is created. Returns None if no such directory is possible.
    """
    import tempfile

    try:
        parent = parent or Path(tempfile.gettempdir())
    except OSError:  # no file can be created anywhere on this machine
        return None
    candidates = (parent / (name if not number else f"{name}-{number}") for number in range(_NAMES))
    return next((path for path in candidates if _is_ours(path)), None)


def _is_ours(path: Path) -> bool:
    """Create a directory if it is missing; tell whether only we can write to it."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError:
        return False
    if os.name != "posix":
        return stat.S_ISDIR(status.st_mode)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def _open_descriptors() -> None:
    """Open closed ones of stdin, stdout and stderr; otherwise a socket would get their number."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
