"""The places of the suite `lines`: lines of installed packages that are missing from the workspace.

`data/lines.tsv` names each place by package, version, path, line and column, with the beginning of the line's
digest, so no text of the packages is part of this project. `scripts/choose_lines.py` chose them by a seed.
"""

import hashlib
import importlib.metadata
import importlib.resources
import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.errors import ConfigError

TABLE = importlib.resources.files("spark_lsp.bench") / "data" / "lines.tsv"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file: the text `before` the cursor, the `rest` of its line, and the text `after` it."""

    package: str
    path: str
    line: int
    before: str
    rest: str
    after: str

    @property
    def text(self) -> str:
        """The document, in which the rest of the line is missing."""
        return self.before + self.after

    @property
    def is_whole_line(self) -> bool:
        """Whether the place is at the line's indentation, so that the complete line is missing."""
        return not self.before[self.before.rfind("\n") + 1 :].strip()

    def is_exact(self, answer: str) -> bool:
        """Tell whether the first line of an answer is the original's, white space at the ends apart."""
        lines = answer.strip().splitlines()
        return bool(lines) and lines[0].strip() == self.rest.strip()

    def window(self, above: int, below: int) -> tuple[str, str]:
        """Return the text from `above` lines up to the cursor, and from there to `below` lines down."""
        before = self.before.splitlines(keepends=True)[-above - 1 :]
        after = self.after.splitlines(keepends=True)[: below + 1]
        return "".join(before), "".join(after)


def read_places(limit: int = 0) -> list[Place]:
    """Read all places, or the first `limit`. Raises `ConfigError` if a package has another version."""
    rows = [row.split("\t") for row in TABLE.read_text("utf-8").splitlines()[1:]]
    return [read_place(*row) for row in rows[: limit or None]]


def read_place(package: str, version: str, path: str, line: str, column: str, digest: str) -> Place:
    text = (_root_of(package, version) / path).read_text("utf-8")
    lines = text.splitlines(keepends=True)
    number = int(line) - 1
    found = lines[number].rstrip("\n") if number < len(lines) else ""
    if hashlib.sha256(found.encode()).hexdigest()[:8] != digest:
        raise _differs(package, version)
    rest = found[int(column) :]
    before = "".join(lines[:number]) + found[: int(column)]
    return Place(package, path, number + 1, before, rest, text[len(before) + len(rest) :])


def _root_of(package: str, version: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or importlib.metadata.version(package) != version:
        raise _differs(package, version)
    return Path(spec.origin).parent


def _differs(package: str, version: str) -> ConfigError:
    return ConfigError(
        f"{package} {version} is not installed here as it was released",
        "The places of the suite lines are in these versions; nothing was measured",
        "Install the versions in constraints.txt: make clean demo",
    )


def copy_packages(places: list[Place], folder: Path) -> None:
    """Copy the packages into a workspace, without the asked lines."""
    for package in sorted({place.package for place in places}):
        spec = importlib.util.find_spec(package)
        assert spec is not None  # `read_places` has found it
        assert spec.origin is not None
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
        shutil.copytree(Path(spec.origin).parent, folder / package, ignore=ignored)
    for path, hidden in _by_file(places):
        target = folder / path
        lines = target.read_text("utf-8").splitlines(keepends=True)
        for place in hidden:
            lines[place.line - 1] = "\n"
        target.write_text("".join(lines), "utf-8")


def _by_file(places: list[Place]) -> Iterator[tuple[Path, list[Place]]]:
    for path in sorted({Path(place.package) / place.path for place in places}):
        yield path, [place for place in places if Path(place.package) / place.path == path]
