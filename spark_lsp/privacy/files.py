"""Files that stay in the editor since a `.gitignore` or a project says so.

Everything here takes names and contents and gives answers; `lsp.fence` and `lsp.repository` read the files.

A project may have a `.spark.toml`. It comes with the code, so it may only take away: exclude files, switch
ghost text or edits off. What it says beyond that is named and ignored; it cannot name an engine, a key or a
command, and cannot switch anything on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from spark_lsp.config import Problem
from spark_lsp.privacy.patterns import NO_CONTEXT, PathContext, find_problems, first_match
from spark_lsp.privacy.secret_files import secret_file_rule

__all__ = [
    "PROJECT_FILE",
    "IgnoreFile",
    "ProjectRestrictions",
    "first_match",
    "is_ignored",
    "read_project_file",
    "secret_file_rule",
]
PROJECT_FILE = ".spark.toml"


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """One `.gitignore`: its lines, and the directory it stands in (absolute, with `/`)."""

    directory: str
    lines: tuple[str, ...]

    def verdict(self, path: str) -> bool | None:
        """Tell whether this file ignores `path` (True), takes it back (False) or says nothing (None).

        The path of a folder ends with `/`.
        """
        from pathspec import GitIgnoreSpec, PathSpec

        base = self.directory.rstrip("/") + "/"
        if not path.startswith(base) or path == base:
            return None
        name = path.removeprefix(base)
        if name.endswith("/"):  # of a folder itself the last pattern counts, as git has it
            return PathSpec.from_lines("gitignore", self.lines).check_file(name).include
        return GitIgnoreSpec.from_lines(self.lines).check_file(name).include


def is_ignored(path: str, ignores: Sequence[IgnoreFile]) -> bool:
    """Tell whether git would ignore a path; `ignores` go from the repository's root down.

    A pattern cannot take a file back out of a directory that is ignored.
    """
    top = ignores[0].directory.rstrip("/") if ignores else ""
    names = path.removeprefix(f"{top}/").split("/")
    above = (f"{top}/{'/'.join(names[: count + 1])}/" for count in range(len(names) - 1))
    return any(_is_ignored_alone(each, ignores) for each in (*above, path))


def _is_ignored_alone(path: str, ignores: Sequence[IgnoreFile]) -> bool:
    verdicts = [verdict for each in ignores if (verdict := each.verdict(path)) is not None]
    return bool(verdicts and verdicts[-1])


@dataclass(frozen=True, slots=True)
class ProjectRestrictions:
    """What a project takes away."""

    exclude: tuple[str, ...] = ()
    ghost_text: bool = True
    edits: bool = True

    def combined_with(self, other: "ProjectRestrictions") -> "ProjectRestrictions":
        """Return what two of them take away together."""
        return ProjectRestrictions(
            self.exclude + other.exclude, self.ghost_text and other.ghost_text, self.edits and other.edits
        )


def read_project_file(
    values: Mapping[str, Any], source: str, surroundings: PathContext = NO_CONTEXT
) -> tuple[ProjectRestrictions, list[Problem]]:
    """Read a `.spark.toml`: `exclude = […]`, `completion.enabled = false`, `edit.enabled = false`."""
    narrowing, problems = ProjectRestrictions(), list[Problem]()
    for key, value in values.items():
        if key == "exclude" and _is_list_of_strings(value):
            narrowing = replace(narrowing, exclude=tuple(cast(list[str], value)))
            problems += (
                Problem(key, source, each) for each in find_problems(narrowing.exclude, surroundings)
            )
        elif key == "completion" and value == {"enabled": False}:
            narrowing = replace(narrowing, ghost_text=False)
        elif key == "edit" and value == {"enabled": False}:
            narrowing = replace(narrowing, edits=False)
        else:
            problems.append(Problem(key, source, "a project's file may only take away; this is ignored"))
    return narrowing, problems


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast(list[object], value))
