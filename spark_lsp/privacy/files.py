"""Decides which files stay in the editor because of a `.gitignore` or of the project's own file.

All functions work on names and contents; `lsp.fence` and `lsp.repository` read the files.

A project may have a `.spark.toml`. It comes with the code, so it may only restrict: exclude files, switch off
ghost text (inline completions), edits or the recording of sessions, and limit what requests about its files
may use in a day. spark-lsp reports and ignores all its other keys. It cannot name an engine, a key or a
command, and cannot switch anything on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from spark_lsp.config import BudgetSettings, Problem, resolve
from spark_lsp.privacy.patterns import NO_CONTEXT, PathContext, find_problems, first_match
from spark_lsp.privacy.secret_files import secret_file_rule
from spark_lsp.request import ProjectLimit

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
_SWITCHED_OFF = {"enabled": False}
_LIMITS = {"tokensPerDay", "costPerDay", "currency"}
_NOT_RECORDED = {"record": False}


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """One `.gitignore`: its lines, and its directory (absolute, with `/`)."""

    directory: str
    lines: tuple[str, ...]

    def verdict(self, path: str) -> bool | None:
        """Return True if this file ignores `path`, False if it re-includes it, None if no pattern matches.

        The path of a folder ends with `/`.
        """
        from pathspec import GitIgnoreSpec, PathSpec

        base = self.directory.rstrip("/") + "/"
        if not path.startswith(base) or path == base:
            return None
        name = path.removeprefix(base)
        if name.endswith("/"):
            # For a folder itself the last matching pattern decides, as in git.
            return PathSpec.from_lines("gitignore", self.lines).check_file(name).include
        return GitIgnoreSpec.from_lines(self.lines).check_file(name).include


def is_ignored(path: str, ignores: Sequence[IgnoreFile]) -> bool:
    """Tell whether git would ignore a path; `ignores` begin with the repository's root and go down.

    A pattern cannot re-include a file of an ignored directory.
    """
    top = ignores[0].directory.rstrip("/") if ignores else ""
    names = path.removeprefix(f"{top}/").split("/")
    folders = [f"{top}/{'/'.join(names[:count])}/" for count in range(1, len(names))]
    return any(_is_ignored_alone(each, ignores) for each in (*folders, path))


def _is_ignored_alone(path: str, ignores: Sequence[IgnoreFile]) -> bool:
    """Tell whether the patterns ignore a path, apart from the folders above it: the last verdict counts."""
    verdicts = [verdict for each in ignores if (verdict := each.verdict(path)) is not None]
    return bool(verdicts and verdicts[-1])


@dataclass(frozen=True, slots=True)
class ProjectRestrictions:
    """The files that a project excludes, the functions that it leaves on, and its limits a day."""

    exclude: tuple[str, ...] = ()
    ghost_text: bool = True
    edits: bool = True
    limits: tuple[ProjectLimit, ...] = ()
    record: bool = True

    def combined_with(self, other: "ProjectRestrictions") -> "ProjectRestrictions":
        """Return the restrictions of both."""
        return ProjectRestrictions(
            exclude=self.exclude + other.exclude,
            ghost_text=self.ghost_text and other.ghost_text,
            edits=self.edits and other.edits,
            limits=tuple(dict.fromkeys(self.limits + other.limits)),
            record=self.record and other.record,
        )


def read_project_file(
    values: Mapping[str, Any], source: str, surroundings: PathContext = NO_CONTEXT
) -> tuple[ProjectRestrictions, list[Problem]]:
    """Read a `.spark.toml`.

    It has `exclude`, `[budget]`, and `false` for `completion.enabled`, `edit.enabled` or `stats.record`.

    `source` names the file in the problems.
    """
    restrictions = ProjectRestrictions()
    problems: list[Problem] = []
    ignored: list[str] = []
    for key, value in values.items():
        if key == "exclude" and _is_list_of_strings(value):
            restrictions = replace(restrictions, exclude=tuple(value))
            problems += (Problem(key, source, each) for each in find_problems(value, surroundings))
        elif key == "completion" and value == _SWITCHED_OFF:
            restrictions = replace(restrictions, ghost_text=False)
        elif key == "edit" and value == _SWITCHED_OFF:
            restrictions = replace(restrictions, edits=False)
        elif key == "budget" and (limit := _read_limit(value, source)) is not None:
            restrictions = replace(restrictions, limits=(limit,))
        elif key == "stats" and value == _NOT_RECORDED:
            restrictions = replace(restrictions, record=False)
        else:
            ignored.append(key)
    if ignored:  # one problem for all: several messages at once make some editors wait for a key
        reason = "a project's file may only take away; this is ignored"
        problems.append(Problem(", ".join(ignored), source, reason))
    return restrictions, problems


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast(list[object], value))


def _read_limit(value: object, source: str) -> ProjectLimit | None:
    """Return the limits of a `[budget]` table; None if it is not valid or has none.

    The file's path identifies the project; a gateway, which may be on another machine, gets its hash.
    """
    if not isinstance(value, Mapping) or not set(cast(Mapping[str, Any], value)) <= _LIMITS:
        return None
    settings, problems = resolve((source, {"budget": value}))
    budget: BudgetSettings = settings.budget
    if problems or not (budget.tokensPerDay or budget.costPerDay):
        return None
    identity = hashlib.blake2b(source.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return ProjectLimit(identity, budget.tokensPerDay, budget.costPerDay, budget.currency)
