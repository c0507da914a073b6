"""Finds out whether git ignores a file: from git, or with pathspec if git cannot answer.

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

GIT_TIMEOUT_SECONDS = 2.0
RETRY_SECONDS = 60.0  # after git has not answered for a repository
MAX_IGNORE_FILE_BYTES = 1_000_000
MAX_PARENTS = 128  # directories above a file that are searched
_EXCLUDES = re.compile(r"^\s*excludesfile\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_FIELD_COUNT = 4  # of one answer: source, line, pattern, path


@dataclass(slots=True)
class Repositories:
    """Answers for files in any repository."""

    _retry_at: dict[str, float] = field(default_factory=dict[str, float])

    def find_ignoring_rule(self, path: str) -> str | None:
        """Return the rule by which git ignores a file, empty if unknown; None if git does not ignore it.

        `path` is absolute; the file need not exist. Outside of any repository the answer is None.
        """
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        root = root_of(path)
        if root is None:
            return None
        if unreadable := _find_unreadable_file(root, path):
            return f"{unreadable} cannot be read"
        if time.monotonic() >= self._retry_at.get(root, 0.0) and not _contains_git_program(root):
            started = time.monotonic()
            answer = _ask_git(path)
            if answer is not None:
                return answer.rule
            if time.monotonic() - started >= GIT_TIMEOUT_SECONDS:
                self._retry_at[root] = time.monotonic() + RETRY_SECONDS
        return "" if is_ignored(path, list(_list_ignore_files(root, path))) else None


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
    return [str(each) for each in PurePath(path).parents][:MAX_PARENTS]


def _contains_git_program(root: str) -> bool:
    """Return whether the git on PATH is in the repository itself, so that it must not be run."""
    program = programs.find("git")
    below = root.rstrip(os.sep) + os.sep
    return program is not None and below != os.sep and os.path.realpath(program).startswith(below)


def _ask_git(path: str) -> _Answer | None:
    """Return git's answer; None if git fails."""
    there = next((each for each in directories_above(path) if os.path.isdir(each)), None)
    if there is None:
        return None
    words = ("check-ignore", "--stdin", "-z", "-v", "-n")
    done = programs.git(*words, cwd=there, input=os.fsencode(path) + b"\0", timeout=GIT_TIMEOUT_SECONDS)
    if done is None or done.returncode not in (0, 1):
        return None
    fields = done.stdout.split(b"\0")
    if len(fields) < _FIELD_COUNT:
        return None
    source, line, pattern = (os.fsdecode(each) for each in fields[:3])
    if not source or pattern.startswith("!"):
        return _Answer(None)
    return _Answer(f"{pattern}, line {line} of {source}")


def _find_unreadable_file(root: str, path: str) -> str:
    """Return an ignore file without read permission, else ""; git would treat it as an empty file."""
    for directory in directories_above(path):
        file = os.path.join(directory, ".gitignore")
        if os.path.isfile(file) and not os.access(file, os.R_OK):
            return file
        if directory == root:
            break
    return ""


def _list_ignore_files(root: str, path: str) -> Iterator[IgnoreFile]:
    """Give the ignore files that apply to a path, in git's order: the weakest first."""
    common = _common_directory(root)
    for file in (*_global_files(common), os.path.join(common, "info", "exclude")):
        yield from _read_ignore_file(root, file)
    above = directories_above(path)
    for directory in reversed(above[: above.index(root) + 1]):
        yield from _read_ignore_file(directory, os.path.join(directory, ".gitignore"))


def _read_ignore_file(directory: str, file: str) -> Iterator[IgnoreFile]:
    if text := read_small(file):
        lines = (line.removesuffix("\r") for line in text.split("\n"))
        yield IgnoreFile(directory.replace(os.sep, "/"), tuple(lines))


def _common_directory(root: str) -> str:
    """Return the directory that all worktrees of a repository share."""
    directory = os.path.join(root, ".git")
    if named := read_small(directory):  # a worktree or a submodule: a file that names the directory
        directory = os.path.join(root, named.removeprefix("gitdir:").strip())
    common = read_small(os.path.join(directory, "commondir")).strip()
    return os.path.normpath(os.path.join(directory, common)) if common else directory


def _global_files(common: str) -> Iterator[str]:
    """Give the user's own ignore files: those in git's configuration, or the default one."""
    home = os.path.expanduser("~")
    default = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git")
    configurations = (
        os.path.join(default, "config"),
        os.path.join(home, ".gitconfig"),
        os.path.join(common, "config"),
    )
    named = [found for each in configurations for found in _EXCLUDES.findall(read_small(each))]
    yield from [os.path.expanduser(each.strip('"')) for each in named] or [os.path.join(default, "ignore")]


def read_small(file: str) -> str:
    """Return the text of a small regular file; "" for any other kind, which could block."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            return ""
        with open(file, "rb") as opened:
            return opened.read(MAX_IGNORE_FILE_BYTES).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return ""
