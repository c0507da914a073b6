"""Decides which documents may leave the editor.

The settings, the names of secret files, git and the project's `.spark.toml` can each withhold a document. The
policy never reads documents. It compares names: every path in the URI, and the targets of symbolic links. It
reads ignore files and `.spark.toml` from the disk, and caches the result for some seconds, because every
keystroke needs it.

`find_reason` may read the disk, which blocks. `verdict` never blocks; it uses the last `inspect`.
"""

import os
import re
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from spark_lsp.codes import Code, Reason
from spark_lsp.config import Settings
from spark_lsp.lsp.repository import Repositories, directories_above, read_small, root_of
from spark_lsp.privacy.files import PROJECT_FILE, ProjectRestrictions, read_project_file
from spark_lsp.privacy.patterns import PathContext, first_match
from spark_lsp.privacy.secret_files import secret_file_rule
from spark_lsp.privacy.uris import is_file, is_unknown, path_of, paths_in, scheme_of

VERDICT_LIFETIME_SECONDS = 5.0  # for which the result of an inspection is used
Verdict = tuple[Reason, str]
UNDECIDED: Verdict = Code.GIT_UNDECIDED, ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of reading the disk: all paths of a document, and the reason to withhold it."""

    paths: tuple[str, ...]
    narrowing: ProjectRestrictions
    verdict: Verdict | None


@dataclass(slots=True)
class ExclusionPolicy:
    """The verdicts on all documents.

    `roots` returns the URIs of the open folders; `warn` is called with a topic and a text.
    """

    settings: Callable[[], Settings]
    roots: Callable[[], Iterable[str]] = tuple
    warn: Callable[[str, str], None] = lambda topic, text: None
    _warnings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _repositories: Repositories = field(default_factory=Repositories)
    _inspections: dict[str, tuple[Inspection, float]] = field(
        default_factory=dict[str, tuple[Inspection, float]]
    )

    def forget(self, uri: str | None = None) -> None:
        """Discard the inspection of a document, or of all documents (None)."""
        if uri is None:
            self._inspections.clear()
        else:
            self._inspections.pop(uri, None)

    def find_reason(self, uri: str) -> Verdict | None:
        """Return the reason to withhold a document, with a detail; None if it may be mirrored."""
        if not self.is_fresh(uri):
            self.inspect(uri)
            self.report_warnings()
        return self.verdict(uri)

    def is_fresh(self, uri: str, lifetime: float = VERDICT_LIFETIME_SECONDS) -> bool:
        """Return whether a document was inspected within the last `lifetime` seconds."""
        known = self._inspections.get(uri)
        return known is not None and time.monotonic() - known[1] < lifetime

    def verdict(self, uri: str) -> Verdict | None:
        """Return the reason as of the last inspection; without one, the document is withheld."""
        known = self._inspections.get(uri)
        paths = known[0].paths if known is not None else paths_in(uri)
        return self._judge_names(uri, paths) or (UNDECIDED if known is None else known[0].verdict)

    def find_narrowing(self, uri: str) -> ProjectRestrictions:
        """Return what the project forbids for a document, as of the last inspection."""
        known = self._inspections.get(uri)
        return known[0].narrowing if known is not None else ProjectRestrictions()

    def find_disabling_pattern(self, uri: str) -> str:
        """Return the pattern of `completion.disabledGlobs` that a document matches; empty if none."""
        known = self._inspections.get(uri)
        paths = known[0].paths if known is not None else paths_in(uri)
        return self._find_match(paths, self.settings().completion.disabledGlobs)

    def surroundings(self) -> PathContext:
        """Return the folders to which the patterns of the settings are relative."""
        return surroundings_of(self.roots())

    def needs_git(self, uri: str) -> bool:
        """Return whether inspecting a document runs git, which takes some milliseconds."""
        return any(root_of(local) for local in self._local_paths(uri))

    def inspect(self, uri: str) -> None:
        """Read everything on the disk that can withhold a document. Blocks for two seconds at most."""
        self._inspections[uri] = self._inspect_paths(uri), time.monotonic()

    def report_warnings(self) -> None:
        """Pass the warnings of earlier inspections to `warn`; an inspection may run on another thread."""
        while self._warnings:
            self.warn(*self._warnings.pop(0))

    def _judge_names(self, uri: str, paths: Iterable[str]) -> Verdict | None:
        if glob := self._find_match(paths, self.settings().context.exclude):
            return Code.EXCLUDED_BY_SETTINGS, glob
        for path in paths:
            if glob := secret_file_rule(path):
                return Code.SECRET_FILE, glob
        return (Code.NOT_A_FILE, scheme_of(uri)) if is_unknown(uri) else None

    def _find_match(self, paths: Iterable[str], patterns: tuple[str, ...]) -> str:
        if not patterns:
            return ""
        surroundings = self.surroundings()
        return next(filter(None, (first_match(path, patterns, surroundings) for path in paths)), "")

    def _local_paths(self, uri: str) -> list[str]:
        """Return the paths of a document on this machine's disk."""
        if scheme_of(uri) == "file" and not is_file(uri):
            return []
        absolute = [path for path in paths_in(uri) if path.startswith("/") and not path.startswith("//")]
        return [local_path(path) for path in absolute]

    def _inspect_paths(self, uri: str) -> Inspection:
        """Inspect all paths of a document and the targets of their links."""
        named = self._local_paths(uri)
        local = list(dict.fromkeys([*named, *(_resolve_links(path) for path in named)]))
        paths = tuple(dict.fromkeys([*paths_in(uri), *map(uri_path, local)]))
        narrowing, verdict = ProjectRestrictions(), None
        for path in local:
            found, glob = self._read_projects(path)
            narrowing = narrowing.combined_with(found)
            if glob and verdict is None:
                verdict = Code.EXCLUDED_BY_PROJECT, glob
        for path in local if verdict is None else ():
            rule = self._repositories.find_ignoring_rule(path)
            if rule is not None:
                verdict = Code.GIT_IGNORED, rule
                break
        return Inspection(paths, narrowing, verdict)

    def _read_projects(self, path: str) -> tuple[ProjectRestrictions, str]:
        """Return what the projects above a file forbid, and the pattern that excludes it; empty if none."""
        narrowing, excluding = ProjectRestrictions(), ""
        for directory in self._list_project_directories(path):
            found = self._read_project(directory)
            narrowing = narrowing.combined_with(found)
            surroundings = surroundings_of((), uri_path(directory))
            excluding = excluding or first_match(uri_path(path), found.exclude, surroundings)
        return narrowing, excluding

    def _list_project_directories(self, path: str) -> list[str]:
        """Return the directories from the file's up to its repository, or up to an open folder above that."""
        above = directories_above(path)
        roots = {local_path(path_of(root)).rstrip("/\\") for root in self.roots()}
        tops = [number for number, directory in enumerate(above) if directory.rstrip("/\\") in roots]
        repository = root_of(path)
        if repository is not None:
            tops.append(above.index(repository))
        return above[: max(tops, default=0) + 1]

    def _read_project(self, directory: str) -> ProjectRestrictions:
        file = os.path.join(directory, PROJECT_FILE)
        text = read_small(file)
        if not text:
            return ProjectRestrictions()
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self._warnings.append(
                (file, f"{file} is not valid TOML ({error}). All of its files stay in the editor.")
            )
            return ProjectRestrictions(exclude=("*",))
        narrowing, problems = read_project_file(values, file, surroundings_of((), uri_path(directory)))
        for problem in problems:
            self._warnings.append((file, f"{problem}."))
        return narrowing


def surroundings_of(roots: Iterable[str], *folders: str) -> PathContext:
    """Return the folders to which patterns are relative: the URIs of open folders, and other paths."""
    home = uri_path(os.path.expanduser("~"))
    known = (*(path_of(root).rstrip("/") for root in roots), *folders)
    return PathContext(home if home.startswith("/") else "", known, os.name == "nt")


def local_path(path: str) -> str:
    """Return the path in a URI in the notation of this system: `/c:/a` is `c:\\a` on Windows."""
    if os.name == "nt" and re.match(r"/[A-Za-z]:", path):
        path = path[1:]
    return path.replace("/", os.sep)


def uri_path(path: str) -> str:
    """Return a path of this system in the notation of URIs: with `/`, and a drive after a slash."""
    path = path.replace(os.sep, "/")
    return f"/{path}" if re.match(r"[A-Za-z]:/", path) else path


def _resolve_links(path: str) -> str:
    """Return a path without symbolic links; this opens no file."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path
