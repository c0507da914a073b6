"""Decides which documents may leave the editor.

The settings, the names of secret files, git and the project's `.spark.toml` each can keep a document in. No
document is read for this. The fence compares names: every path that the URI carries, and the targets of
symbolic links. It reads ignore files and `.spark.toml` from the disk, and keeps the result for some seconds,
because each key asks for it.

`why` reads the disk when it must, and blocks. `verdict` never blocks and needs an earlier `look`.
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

KEPT = 5.0  # seconds for which the result of a look is used
Verdict = tuple[Reason, str]
UNDECIDED: Verdict = Code.GIT_UNDECIDED, ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the disk says about a document: all its paths, and what keeps it in."""

    paths: tuple[str, ...]
    narrowing: ProjectRestrictions
    verdict: Verdict | None


@dataclass(slots=True)
class Fence:
    """The verdicts on all documents.

    `roots` gives the URIs of the folders that are open; `warn` is called with a topic and a text.
    """

    settings: Callable[[], Settings]
    roots: Callable[[], Iterable[str]] = tuple
    warn: Callable[[str, str], None] = lambda topic, text: None
    _warnings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _repositories: Repositories = field(default_factory=Repositories)
    _found: dict[str, tuple[Found, float]] = field(default_factory=dict[str, tuple[Found, float]])

    def forget(self, uri: str | None = None) -> None:
        """Discard what the disk said about a document, or about all (None)."""
        if uri is None:
            self._found.clear()
        else:
            self._found.pop(uri, None)

    def why(self, uri: str) -> Verdict | None:
        """Return why a document stays in the editor, with a detail; None if it may be mirrored."""
        if not self.is_fresh(uri):
            self.look(uri)
            self.tell()
        return self.verdict(uri)

    def is_fresh(self, uri: str, kept: float = KEPT) -> bool:
        """Return whether `look` was called for a document within the last `kept` seconds."""
        known = self._found.get(uri)
        return known is not None and time.monotonic() - known[1] < kept

    def verdict(self, uri: str) -> Verdict | None:
        """Return the same as `why`, from the last `look`; without one the document stays."""
        known = self._found.get(uri)
        paths = known[0].paths if known is not None else paths_in(uri)
        return self._by_name(uri, paths) or (UNDECIDED if known is None else known[0].verdict)

    def narrowing(self, uri: str) -> ProjectRestrictions:
        """Return what the project takes away from a document, as of the last look."""
        known = self._found.get(uri)
        return known[0].narrowing if known is not None else ProjectRestrictions()

    def disabled(self, uri: str) -> str:
        """Return the pattern of `completion.disabledGlobs` that a document matches; empty for none."""
        known = self._found.get(uri)
        paths = known[0].paths if known is not None else paths_in(uri)
        return self._matching(paths, self.settings().completion.disabledGlobs)

    def surroundings(self) -> PathContext:
        """Return what the settings' patterns are read in."""
        return surroundings_of(self.roots())

    def needs_git(self, uri: str) -> bool:
        """Return whether `look` asks git about a document, which takes some milliseconds."""
        return any(root_of(local) for local in self._local_paths(uri))

    def look(self, uri: str) -> None:
        """Read what the disk says about a document. Blocks while git runs, for two seconds at most."""
        self._found[uri] = self._find(uri), time.monotonic()

    def tell(self) -> None:
        """Pass the warnings of earlier looks to `warn`; `look` itself may run on a thread."""
        while self._warnings:
            self.warn(*self._warnings.pop(0))

    def _by_name(self, uri: str, paths: Iterable[str]) -> Verdict | None:
        if glob := self._matching(paths, self.settings().context.exclude):
            return Code.EXCLUDED_BY_SETTINGS, glob
        for path in paths:
            if glob := secret_file_rule(path):
                return Code.SECRET_FILE, glob
        return (Code.NOT_A_FILE, scheme_of(uri)) if is_unknown(uri) else None

    def _matching(self, paths: Iterable[str], patterns: tuple[str, ...]) -> str:
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

    def _find(self, uri: str) -> Found:
        """Return what the disk says about all paths of a document and their links' targets."""
        named = self._local_paths(uri)
        local = list(dict.fromkeys([*named, *(_real(path) for path in named)]))
        paths = tuple(dict.fromkeys([*paths_in(uri), *map(uri_path, local)]))
        narrowing, verdict = ProjectRestrictions(), None
        for path in local:
            found, glob = self._projects(path)
            narrowing = narrowing.combined_with(found)
            if glob and verdict is None:
                verdict = Code.EXCLUDED_BY_PROJECT, glob
        for path in local if verdict is None else ():
            rule = self._repositories.why_ignored(path)
            if rule is not None:
                verdict = Code.GIT_IGNORED, rule
                break
        return Found(paths, narrowing, verdict)

    def _projects(self, path: str) -> tuple[ProjectRestrictions, str]:
        """Return what the projects above a file take away, and the pattern that excludes it, if one does."""
        narrowing, excluding = ProjectRestrictions(), ""
        for directory in self._project_directories(path):
            found = self._project(directory)
            narrowing = narrowing.combined_with(found)
            surroundings = surroundings_of((), uri_path(directory))
            excluding = excluding or first_match(uri_path(path), found.exclude, surroundings)
        return narrowing, excluding

    def _project_directories(self, path: str) -> list[str]:
        """Return the directories from the file's up to its repository, or to an open folder above that."""
        above = directories_above(path)
        roots = {local_path(path_of(root)).rstrip("/\\") for root in self.roots()}
        tops = [number for number, directory in enumerate(above) if directory.rstrip("/\\") in roots]
        repository = root_of(path)
        if repository is not None:
            tops.append(above.index(repository))
        return above[: max(tops, default=0) + 1]

    def _project(self, directory: str) -> ProjectRestrictions:
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
    """Return what patterns are read in, for the URIs of open folders and for paths of others."""
    home = uri_path(os.path.expanduser("~"))
    known = (*(path_of(root).rstrip("/") for root in roots), *folders)
    return PathContext(home if home.startswith("/") else "", known, os.name == "nt")


def local_path(path: str) -> str:
    """Return the path in a URI as this system writes it: `/c:/a` is `c:\\a` on Windows."""
    if os.name == "nt" and re.match(r"/[A-Za-z]:", path):
        path = path[1:]
    return path.replace("/", os.sep)


def uri_path(path: str) -> str:
    """Return a path of this system as a URI has it: with `/`, and a drive after a slash."""
    path = path.replace(os.sep, "/")
    return f"/{path}" if re.match(r"[A-Za-z]:/", path) else path


def _real(path: str) -> str:
    """Return the target of the links in a path; this opens no file."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path
