"""Finds the programs of an editor, the one that would be used first, and asks them for their version.

It searches absolute folders only, and never starts a program from the working directory.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from spark_lsp import programs

VERSION_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """An editor: the names of its programs, the oldest supported version, and its guide."""

    name: str
    programs: tuple[str, ...]
    version: str  # a pattern that finds it in what `--version` prints
    oldest: tuple[int, ...]
    guide: str
    fetched: str = ""  # its name in the cache of scripts/get_*.sh
    launcher: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A program and how it was found; `fetched` by our own scripts, for `launcher` if there is one."""

    path: str
    how: str
    fetched: bool = False
    launcher: str = ""


_NUMBER = r"(\d+(?:\.\d+)+)"
_CODE = f"^{_NUMBER}"
_GUIDES = "docs/how-to/"
KINDS = (
    Kind("Neovim", ("nvim",), f"^NVIM v{_NUMBER}", (0, 11), f"{_GUIDES}neovim.md", "nvim", "scripts/nvim"),
    Kind("Helix", ("hx", "helix"), f"^helix {_NUMBER}", (25,), f"{_GUIDES}helix.md", "hx", "scripts/hx"),
    Kind("VS Code", ("code", "code-insiders"), _CODE, (1, 91), f"{_GUIDES}vscode.md"),
    Kind("VSCodium", ("codium",), _CODE, (1, 91), f"{_GUIDES}vscode.md"),
    Kind("Emacs", ("emacs",), f"^GNU Emacs {_NUMBER}", (30,), f"{_GUIDES}emacs.md", "emacs"),
)


def find_programs(kind: Kind) -> list[Program]:
    """Return the programs of an editor, without repetition, the one that would be used first."""
    found: dict[str, Program] = {}
    for program in (*_ancestors(kind), *_choose_version(kind), *_on_path(kind), *_find_fetched(kind)):
        found.setdefault(os.path.realpath(program.path), program)
    return list(found.values())


def _ancestors(kind: Kind) -> Iterator[Program]:
    """Give the editor that this command runs in; only Linux provides this information."""
    process = os.getppid()
    while process > 1:
        try:
            path = os.readlink(f"/proc/{process}/exe")
            status = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
        except OSError:
            return
        if _is_called(path, kind) and os.access(path, os.X_OK):  # otherwise it was replaced after its start
            yield _running(kind, path)
        process = int(status.rpartition(")")[2].split()[1])


def _is_called(path: str, kind: Kind) -> bool:
    """Tell whether a program's name is one of the editor's: emacs-nox is an Emacs, too."""
    name = Path(path).name
    return name in kind.programs or name.partition("-")[0] in kind.programs


def _running(kind: Kind, path: str) -> Program:
    how = "this command runs in it"
    if kind.launcher and Path(path).is_relative_to(_cache()):
        return Program(str(_cache() / "bin" / kind.fetched), how, fetched=True, launcher=kind.launcher)
    return Program(path, how)


def _choose_version(kind: Kind) -> Iterator[Program]:
    for name in ("VISUAL", "EDITOR"):
        try:
            word = next(iter(shlex.split(os.environ.get(name, ""))), "")
        except ValueError:  # an unclosed quote
            continue
        if Path(word).name in kind.programs:
            yield from (Program(path, f"named by ${name}") for path in _resolve(word))


def _on_path(kind: Kind) -> Iterator[Program]:
    for name in kind.programs:
        for path in _resolve(name):
            own = Path(path).parent == Path(sys.prefix) / "bin"
            yield Program(path, "in the Python environment of spark-lsp" if own else "on the search path")


def _resolve(name: str) -> Iterator[str]:
    """Give the programs of that name, in the order of the search path."""
    if os.path.isabs(name):
        folders = [""]
    elif os.path.dirname(name):
        return  # relative to the working directory
    else:
        folders = [each for each in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(each)]
    endings = ("", ".exe", ".cmd") if os.name == "nt" else ("",)
    for folder in folders:
        for ending in endings:
            path = os.path.join(folder, name + ending)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                yield path


def _find_fetched(kind: Kind) -> Iterator[Program]:
    path = _cache() / "bin" / kind.fetched
    if kind.fetched and path.is_file():
        how = f"fetched, used by {kind.launcher}" if kind.launcher else "fetched for the tests"
        yield Program(str(path), how, fetched=True, launcher=kind.launcher)


def _cache() -> Path:
    """Return the folder in which scripts/get_*.sh put editors."""
    return platformdirs.user_cache_path("spark-lsp") / "editors"


def ask_version(kind: Kind, program: Program) -> str | None:
    """Return the version that a program reports, or None if it reports none within some seconds."""
    match = re.search(kind.version, _run([program.path, "--version"]), re.MULTILINE)
    return match[1] if match else None


def as_numbers(version: str) -> tuple[int, ...]:
    """Return a version in a comparable form."""
    return tuple(map(int, version.split(".")))


def _run(command: list[str]) -> str:
    """Return the output of a program; empty if it does not end in time."""
    try:
        quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
        done = programs.run(
            command, stdin=quiet, stdout=pipe, stderr=quiet, cwd=programs.NEUTRAL, timeout=VERSION_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
