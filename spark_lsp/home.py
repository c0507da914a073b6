"""Settles where this process is, before anything depends on it: search paths, descriptors, a home.

Containers and services run programs under a user id that no user database knows, without HOME, with closed
descriptors, or with relative paths in the environment. Libraries answer each of these with an exception, or
with a folder called `~` in the working directory. A program of ours calls `settle` first; then they need not.
"""

import os
import stat
from pathlib import Path

from spark_lsp.search_path import NEUTRAL, leave_working_directory, without_working_directory

_NAMES = 10  # tried in turn, where somebody else has taken the first


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
    """Tell whether `settle` made the home directory because the user has no other."""
    return Path(os.environ.get("HOME", "")).name.startswith(_name()) if os.name == "posix" else False


def _name() -> str:
    return f"spark-lsp-home-{os.getuid()}"


def private_directory(name: str) -> Path | None:
    """Return a directory below the temporary one that is ours alone, called `name` unless that is taken.

    It is made if it is missing. None if no such directory can be had.
    """
    import tempfile

    try:
        parent = Path(tempfile.gettempdir())
    except OSError:  # nowhere on this machine can a file be made
        return None
    candidates = (parent / (name if not number else f"{name}-{number}") for number in range(_NAMES))
    return next((path for path in candidates if _is_ours(path)), None)


def _is_ours(path: Path) -> bool:
    """Make a directory unless it is there; tell whether only we can write to it."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError:
        return False
    if os.name != "posix":
        return stat.S_ISDIR(status.st_mode)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def _open_descriptors() -> None:
    """Open stdin, stdout and stderr where they are closed; a socket would get the number otherwise."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
