"""Whether git ignores a file. Git answers that; if it cannot, pathspec reads the ignore files.

Only git knows which files are tracked although a pattern matches them, and where the user's own ignore file
is. Git may be missing, refuse a repository of another owner, or find a broken repository. In these cases
this module reads the ignore files. It does not read the index, so a tracked file that a pattern matches
then stays in the editor.

All functions block; `outgoing` calls them on a thread.
"""

import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from spark_lsp import programs
from spark_lsp.privacy.files import IgnoreFile, is_ignored

PATIENCE = 2.0  # seconds git has for an answer
RESTS = 60.0  # seconds without a new question after git has not answered for a repository
LARGEST = 1_000_000  # bytes of an ignore file that are read
DEEPEST = 128  # directories above a file that are searched
_EXCLUDES = re.compile(r"^\s*excludesfile\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_FIELDS = 4  # of one answer: source, line, pattern, path


@dataclass(slots=True)
class Repositories:
    """Asks about files in any repository."""

    _resting: dict[str, float] = field(default_factory=dict[str, float])

    def why_ignored(self, path: str) -> str | None:
        """Return which rule makes git ignore a file, empty if it is not known which; None if it does not.

        `path` is absolute; the file need not exist. Outside of any repository the answer is None.
        """
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        root = root_of(path)
        if root is None:
            return None
        if unreadable := _unreadable(root, path):
            return f"{unreadable} cannot be read"
        if time.monotonic() >= self._resting.get(root, 0.0) and not _has_a_git(root):
            begun = time.monotonic()
            answer = _ask_git(path)
            if answer is not None:
                return answer.rule
            if time.monotonic() - begun >= PATIENCE:
                self._resting[root] = time.monotonic() + RESTS
        return "" if is_ignored(path, list(_ignores(root, path))) else None


@dataclass(frozen=True, slots=True)
class _Answer:
    rule: str | None


def root_of(path: str) -> str | None:
    """Return the innermost directory above a file that holds a `.git`, or None."""
    return next(
        (each for each in directories_above(path) if os.path.lexists(os.path.join(each, ".git"))), None
    )


def directories_above(path: str) -> list[str]:
    """Return the directories above a path, the nearest first."""
    return [str(each) for each in PurePath(path).parents][:DEEPEST]


def _has_a_git(root: str) -> bool:
    """Tell whether the git on PATH is a program in the repository itself, which must not be run."""
    program = programs.find("git")
    below = root.rstrip(os.sep) + os.sep
    return program is not None and below != os.sep and os.path.realpath(program).startswith(below)


def _ask_git(path: str) -> _Answer | None:
    """Return git's answer; None if it has none."""
    there = next((each for each in directories_above(path) if os.path.isdir(each)), None)
    if there is None:
        return None
    words = ("check-ignore", "--stdin", "-z", "-v", "-n")
    done = programs.git(*words, cwd=there, input=os.fsencode(path) + b"\0", timeout=PATIENCE)
    if done is None or done.returncode not in (0, 1):
        return None
    fields = done.stdout.split(b"\0")
    if len(fields) < _FIELDS:
        return None
    source, line, pattern = (os.fsdecode(each) for each in fields[:3])
    if not source or pattern.startswith("!"):
        return _Answer(None)
    return _Answer(f"{pattern}, line {line} of {source}")


def _unreadable(root: str, path: str) -> str:
    """Return an ignore file that we may not read, or an empty text; git would treat it as an empty file."""
    for directory in directories_above(path):
        file = os.path.join(directory, ".gitignore")
        if os.path.isfile(file) and not os.access(file, os.R_OK):
            return file
        if directory == root:
            break
    return ""


def _ignores(root: str, path: str) -> Iterator[IgnoreFile]:
    """Give the ignore files that concern a path, the weakest first, as git orders them."""
    common = _common_directory(root)
    for file in (*_global_files(common), os.path.join(common, "info", "exclude")):
        yield from _ignore_file(root, file)
    above = directories_above(path)
    for directory in reversed(above[: above.index(root) + 1]):
        yield from _ignore_file(directory, os.path.join(directory, ".gitignore"))


def _ignore_file(directory: str, file: str) -> Iterator[IgnoreFile]:
    if text := read_small(file):
        lines = (line.removesuffix("\r") for line in text.split("\n"))
        yield IgnoreFile(directory.replace(os.sep, "/"), tuple(lines))


def _common_directory(root: str) -> str:
    """Return the directory with what all worktrees of a repository share."""
    place = os.path.join(root, ".git")
    if named := read_small(place):  # a worktree or a submodule: a file that names the directory
        place = os.path.join(root, named.removeprefix("gitdir:").strip())
    common = read_small(os.path.join(place, "commondir")).strip()
    return os.path.normpath(os.path.join(place, common)) if common else place


def _global_files(common: str) -> Iterator[str]:
    """Give the user's own ignore files: those that a configuration names, or git's default."""
    home = os.path.expanduser("~")
    usual = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git")
    places = (os.path.join(usual, "config"), os.path.join(home, ".gitconfig"), os.path.join(common, "config"))
    named = [found for each in places for found in _EXCLUDES.findall(read_small(each))]
    yield from [os.path.expanduser(each.strip('"')) for each in named] or [os.path.join(usual, "ignore")]


def read_small(file: str) -> str:
    """Return the text of a small regular file; empty for anything else, so that nothing can hold us up."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            return ""
        with open(file, "rb") as opened:
            return opened.read(LARGEST).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return ""
