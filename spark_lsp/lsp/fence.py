"""Which documents may leave the editor: the settings, git's ignore files and the project's own file.

Ignore files are read from the document's directory upwards to the root of its repository, or to the
workspace folder it lies in. Nothing else is read, and never the document itself: its name is judged, and
the name of what a link leads to. A verdict is kept for some seconds, since it is asked for at every key.
"""

import os
import stat
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from spark_lsp.config import Settings
from spark_lsp.privacy.files import (
    PROJECT_FILE,
    Ignores,
    Narrowing,
    ignored,
    matching,
    read_project,
    secret_file,
)
from spark_lsp.session.reasons import Reason

KEPT = 5.0  # seconds a verdict counts
DEEPEST = 64  # directories above a file that are looked at
LARGEST = 1_000_000  # bytes of an ignore file that are read
Verdict = tuple[Reason, str]


@dataclass(slots=True)
class Fence:
    """The verdicts on all documents.

    `roots` gives the URIs of the folders that are open; `warn` is called with a topic and a text.
    """

    settings: Callable[[], Settings]
    roots: Callable[[], Iterable[str]] = tuple
    warn: Callable[[str, str], None] = lambda topic, text: None
    _verdicts: dict[str, tuple[Verdict | None, float]] = field(
        default_factory=dict[str, tuple[Verdict | None, float]]
    )
    _projects: dict[str, Narrowing] = field(default_factory=dict[str, Narrowing])

    def forget(self, uri: str | None = None) -> None:
        """Judge a document, or all (None), anew at the next question."""
        if uri is None:
            self._verdicts.clear()
        else:
            self._verdicts.pop(uri, None)

    def why(self, uri: str) -> Verdict | None:
        """Return why a document stays in the editor, with a detail; None if it may be mirrored."""
        now = time.monotonic()
        known = self._verdicts.get(uri)
        if known is not None and now - known[1] < KEPT:
            return known[0]
        verdict = self._judge(uri)
        self._verdicts[uri] = verdict, now
        return verdict

    def narrowing(self, uri: str) -> Narrowing:
        """Return what the project takes away from a document, as of the last verdict."""
        self.why(uri)
        return self._projects.get(uri, Narrowing())

    def _judge(self, uri: str) -> Verdict | None:
        path = path_of(uri)
        if glob := matching(path, self.settings().context.exclude):
            return Reason.EXCLUDED, glob
        real = _real(path) if is_file(uri) else path
        if glob := secret_file(path) or secret_file(real):
            return Reason.SECRET_FILE, glob
        if not is_file(uri):
            return None
        return self._judge_file(uri, path)

    def _judge_file(self, uri: str, path: str) -> Verdict | None:
        ignores, narrowing = list[Ignores](), Narrowing()
        for directory in _directories(path, {path_of(root).rstrip("/") for root in self.roots()}):
            ignores += _ignores(directory)
            narrowing = narrowing.and_(self._project(directory))
        self._projects[uri] = narrowing
        if glob := matching(path, narrowing.exclude):
            return Reason.PROJECT, glob
        return (Reason.IGNORED, "") if ignored(path, ignores) else None

    def _project(self, directory: str) -> Narrowing:
        file = f"{directory}/{PROJECT_FILE}"
        text = _read(file)
        if not text:
            return Narrowing()
        try:
            narrowing, problems = read_project(tomllib.loads(text), file)
        except tomllib.TOMLDecodeError as error:
            self.warn(file, f"{file} is not valid TOML ({error}). All of its files stay in the editor.")
            return Narrowing(exclude=("*",))
        for problem in problems:
            self.warn(file, f"{problem}.")
        return narrowing


def is_file(uri: str) -> bool:
    """Tell whether a URI names a file of this machine."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # a host in brackets that is none
        return False
    return parts.scheme == "file" and parts.netloc in ("", "localhost")


def path_of(uri: str) -> str:
    """Return the path in a URI, decoded once, with `/`; of other schemes too, whose names count alike."""
    try:
        return unquote(urlsplit(uri).path)
    except ValueError:
        return unquote(uri)


def _real(path: str) -> str:
    """Return where links lead; only names are looked at, no file is opened."""
    try:
        return os.path.realpath(path).replace(os.sep, "/")
    except (OSError, ValueError):
        return path


def _directories(path: str, roots: set[str]) -> list[str]:
    """Return the directories from the root of the repository, or an open folder, down to the file's."""
    above = [str(each).rstrip("/") for each in PurePosixPath(path).parents][:DEEPEST]
    tops = [number for number, directory in enumerate(above) if directory in roots]
    for number, directory in enumerate(above):
        if _exists(f"{directory}/.git"):
            tops.append(number)
            break
    return above[max(tops, default=0) :: -1]


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except (OSError, ValueError):
        return False
    return True


def _ignores(directory: str) -> Iterator[Ignores]:
    for name in (".git/info/exclude", ".gitignore"):
        if text := _read(f"{directory}/{name}"):
            yield Ignores(directory, tuple(text.splitlines()))


def _read(path: str) -> str:
    """Return the text of a small regular file; empty for what is none, so nothing can hold us up."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            return file.read(LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
