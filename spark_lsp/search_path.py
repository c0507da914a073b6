"""Keeps the working directory out of the search paths for code.

Python, the shell and the dynamic linker read an empty or relative entry of their search paths as the
working directory, which is often a repository from others. This file is imported before
nearly everything else, so it imports only what the interpreter has loaded already.
"""

import os
import sys
from collections.abc import Mapping

NEUTRAL = os.path.abspath(os.sep)
"""A directory for children that hold no relative path: a repository is not there."""
LISTS = (
    *("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    *("XDG_CONFIG_DIRS", "XDG_DATA_DIRS"),
)
"""Variables that hold a list of directories with code, or with configuration that can name code."""
CODE = (
    *(
        "PYTHONHOME",
        "PYTHONUSERBASE",
        "PYTHONPYCACHEPREFIX",
        "PYTHONSTARTUP",
        "PIP_CONFIG_FILE",
        "PIP_PYTHON",
    ),
    *("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "BASH_ENV", "VIMRUNTIME"),
    *("GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "HOME"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
)
"""Variables that name one such place."""
PLACES = (
    *("SPARK_LSP_CONFIG", "SPARK_LSP_MODELS", "SPARK_LSP_STATE_DIR", "SPARK_LSP_RUNTIME_DIR"),
    *("TMPDIR", "TEMP", "TMP", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
"""Variables that name data, which a child in another directory must find where we would."""


def absolute_entries(value: str) -> list[str]:
    """Return the absolute entries of a search path, in order."""
    return [entry for entry in value.split(os.pathsep) if os.path.isabs(entry)]


_DEFAULTS = {"PATH": absolute_entries(os.defpath)}  # an empty PATH would mean the working directory


def without_working_directory(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which no program loads code from the working directory.

    Drop relative entries of search paths and relative names of code. Make relative names of our own files and
    of certificates absolute, since the child may run in another directory.
    """
    made = dict(environment)
    for name in LISTS:
        if name in made:
            entries = absolute_entries(made.pop(name)) or _DEFAULTS.get(name, [])
            made.update({name: os.pathsep.join(entries)} if entries else {})
    for name in CODE:
        if not os.path.isabs(made.get(name, NEUTRAL)):
            del made[name]
    for name in PLACES:
        if made.get(name):
            made[name] = _require_absolute(made[name])
    return made


def _require_absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError:  # the working directory was deleted, so nothing can be relative to it
        return path


def leave_working_directory() -> None:
    """Drop the entries of `sys.path` that depend on the directory in which we were started.

    With `python -m` that is the first entry; an empty or relative entry of PYTHONPATH is another.
    """
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", _require_absolute("")):
        del sys.path[0]
    given = os.environ.get("PYTHONPATH") or NEUTRAL  # Python reads an empty one as none
    relative = {_require_absolute(each) for each in given.split(os.pathsep) if not os.path.isabs(each)}
    sys.path[:] = [entry for entry in sys.path if entry not in relative]
