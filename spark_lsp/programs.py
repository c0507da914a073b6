"""Finds and starts other programs. No other file of spark-lsp starts a process.

Users run spark-lsp in repositories from others, so it uses no program, Python module or
library from the working directory: this module searches only absolute entries of PATH, starts Python with
a safe path (`-P`), and gives every child an environment without relative search paths.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

import anyio
from anyio.abc import Process

from spark_lsp import search_path
from spark_lsp.search_path import absolute_entries, without_working_directory

NEUTRAL = search_path.NEUTRAL
_INTERACTIVE = ("PYTHONSTARTUP", "PYTHONINSPECT")  # for a user at a prompt, never for a child process
_GIT_PLACE = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS"),
    *("GIT_CONFIG_COUNT", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_EXTERNAL_DIFF", "GIT_PAGER"),
)
_GIT_CALM = {
    "GIT_OPTIONAL_LOCKS": "0",  # leave the index as it is
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # a partial clone fetches missing objects with a program that it names itself
    "GIT_ALLOW_PROTOCOL": "",  # the same for a git that does not know GIT_NO_LAZY_FETCH
}
_GIT_OPTIONS = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "safe.bareRepository=explicit")


def python(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs our own Python with `arguments`, such as `-c` and a program's text."""
    return (sys.executable, "-P", *arguments)


def spark_lsp(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs `spark-lsp` with `arguments`."""
    return python("-m", "spark_lsp", *arguments)


def find(name: str) -> str | None:
    """Return the absolute path of a program on PATH, or None.

    The search skips relative entries of PATH, and the current directory, where Windows searches first.
    """
    ends = os.environ.get("PATHEXT", ".EXE").split(os.pathsep) if os.name == "nt" else [""]
    for folder in absolute_entries(os.environ.get("PATH", os.defpath)):
        for end in ends:
            path = os.path.join(folder, name + end)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None


def start(
    command: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    bufsize: int = -1,
    start_new_session: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start a program; the arguments are those of `subprocess.Popen`. Raises `OSError`."""
    return subprocess.Popen(
        _check_program(command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=environment(command, env),
        bufsize=bufsize,
        start_new_session=start_new_session,
    )


def run(
    command: Sequence[str],
    *,
    input: bytes | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end, which is killed after `timeout` seconds.

    Raises `OSError` if it cannot be started and `subprocess.TimeoutExpired` if it took too long.
    """
    return subprocess.run(
        _check_program(command),
        input=input,
        stdin=stdin if input is None else None,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=environment(command, env),
        timeout=timeout,
        check=False,
    )


async def open_process(
    command: Sequence[str],
    *,
    stdin: int | None = subprocess.PIPE,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Process:
    """Start a program in an event loop, as `anyio.open_process` does. Raises `OSError`."""
    return await anyio.open_process(
        _check_program(command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=environment(command, env),
    )


def environment(command: Sequence[str], base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for `command`, based on `base` (default: our own environment)."""
    made = without_working_directory(os.environ if base is None else base)
    if command[0] != sys.executable:
        return made
    for name in _INTERACTIVE:
        made.pop(name, None)
    return {**made, "PYTHONSAFEPATH": "1"}  # for the Python programs that a child starts in turn


def git(
    *arguments: str, cwd: str | os.PathLike[str], input: bytes | None = None, timeout: float = 5.0
) -> "subprocess.CompletedProcess[bytes] | None":
    """Run git in an untrusted repository; return None if git is missing or does not answer in time.

    The repository's own configuration can name programs that git would run; these are switched off, and
    git may not reach the network. Environment variables about another repository are removed.
    """
    program = find("git")
    if program is None:
        return None
    try:
        command = git_command(program, *arguments)
        pipe = subprocess.PIPE
        return run(
            command, input=input, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe,
            cwd=cwd, env=git_environment(), timeout=timeout,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None


def git_command(program: str, *arguments: str) -> tuple[str, ...]:
    """Return the command of a git that runs no program of the repository."""
    options = [word for option in _GIT_OPTIONS for word in ("-c", option)]
    return (program, "--no-pager", *options, *arguments)


def git_environment() -> dict[str, str]:
    """Return the environment that belongs to `git_command`."""
    kept = {name: value for name, value in os.environ.items() if name not in _GIT_PLACE}
    return {**kept, **_GIT_CALM}


def _check_program(command: Sequence[str]) -> Sequence[str]:
    """Return `command`. The system might find a relative program in the working directory."""
    if not os.path.isabs(command[0]):
        raise FileNotFoundError(errno.ENOENT, "its program has no absolute path", command[0])
    return command


def open_browser(address: str) -> bool:
    """Open an address in the user's browser; return whether one was started.

    Without a display there is only a browser for the terminal, which could not show the page.
    """
    import webbrowser

    is_headless = sys.platform not in ("win32", "darwin") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    )
    return not is_headless and webbrowser.open(address)
