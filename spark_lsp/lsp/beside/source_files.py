"""The outlines of the files that a document imports; open documents come before the disk.

A file on the disk is read only if it is in an open folder, and if the exclusion policy would let it leave as
a document: see `lsp/exclusion`. Its secrets become asterisks before anything else is done with it. No folder
is listed. All functions block; `neighbours` calls them on a thread.
"""

import os
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from spark_lsp.lsp.exclusion import ExclusionPolicy, local_path, uri_path
from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.prompts.imported_symbols import SourceOutline
from spark_lsp.prompts.imports import find_imports
from spark_lsp.prompts.module_paths import is_inside, list_module_paths
from spark_lsp.prompts.outline import outline_of
from spark_lsp.text.document import Document

MAX_FILES = 48  # that one document may use
MAX_BYTES = 100_000  # of one file
MAX_CACHED = 200  # files
MAX_PLACES = 2_000  # of modules that are remembered
PLACE_SECONDS = 10.0  # for which the place of a module is remembered
VERDICT_SECONDS = 15.0  # for which the exclusion policy's verdict on a file is used
LANGUAGE_OF = {
    ".py": "python",
    ".pyi": "python",
    ".js": "javascript",
    ".jsx": "javascriptreact",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescriptreact",
}

Stamp = tuple[int, int, int, int]
"""Device, number, size and time of change of a file."""
_K = TypeVar("_K")
_V = TypeVar("_V")
_Place = tuple[str, str, str, tuple[str, ...]]


@dataclass(slots=True)
class SourceFiles:
    """Reads files, and keeps their outlines while they do not change."""

    exclusion: ExclusionPolicy
    judged: set[str] = field(default_factory=set[str])  # the URIs of files that it has judged for us
    _outlines: dict[str, tuple[Stamp, SourceOutline]] = field(
        default_factory=dict[str, tuple[Stamp, SourceOutline]]
    )
    _open_outlines: dict[str, tuple[str, SourceOutline]] = field(
        default_factory=dict[str, tuple[str, SourceOutline]]
    )
    _places: dict[_Place, tuple[str | None, float]] = field(
        default_factory=dict[_Place, tuple[str | None, float]]
    )

    def keep_open(self, paths: Collection[str]) -> None:
        """Forget the outlines of documents that are closed."""
        for path in self._open_outlines.keys() - paths:
            del self._open_outlines[path]

    def outline_document(self, path: str, document: Document) -> SourceOutline:
        """Return the outline of an open document, whose secrets are asterisks already."""
        known = self._open_outlines.get(path)
        if known is not None and known[0] == document.text:
            return known[1]
        outline = _outline(path, document.text, document.language, is_open=True)
        _remember(self._open_outlines, path, (document.text, outline), MAX_CACHED)
        return outline

    def outline_file(self, path: str, roots: Sequence[str]) -> SourceOutline | None:
        """Return the outline of a file on the disk; None if it may not be read, or cannot be."""
        language = LANGUAGE_OF.get(os.path.splitext(path)[1].lower(), "")
        if not language or not self._is_permitted(path, roots):
            self._outlines.pop(path, None)
            return None
        stamp = find_stamp(local_path(path))
        known = self._outlines.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        found = None if stamp is None else read_unchanged(local_path(path), stamp)
        if stamp is None or found is None:
            self._outlines.pop(path, None)
            return None
        outline = _outline(path, redact_secrets(found, language), language)
        _remember(self._outlines, path, (stamp, outline), MAX_CACHED)
        return outline

    def read_permitted(self, path: str, roots: Sequence[str]) -> str | None:
        """Return the text of a file on the disk and its secrets; None if it may not leave or has no text."""
        if not self._is_permitted(path, roots):
            return None
        stamp = find_stamp(local_path(path))
        return None if stamp is None else read_unchanged(local_path(path), stamp)

    def _is_permitted(self, path: str, roots: Sequence[str]) -> bool:
        """Tell whether the file, and the file that it links to, may leave as documents."""
        real = uri_path(os.path.realpath(local_path(path)))
        folders = [uri_path(os.path.realpath(local_path(root))) for root in roots]
        if not is_inside(path, roots) or not is_inside(real, folders):
            return False
        uri = uri_of(path)
        if not self.exclusion.is_fresh(uri, VERDICT_SECONDS):
            self.exclusion.inspect(uri)
            self.judged.add(uri)
        return self.exclusion.verdict(uri) is None

    def locate(
        self, module: str, path: str, language: str, roots: tuple[str, ...], is_open: Mapping[str, object]
    ) -> str | None:
        """Return the path of the file that a module means: an open one, or one in the folders `roots`."""
        candidates = list_module_paths(module, path, roots, language)
        if found := next((each for each in candidates if each in is_open), None):
            return found
        place = module, path.rpartition("/")[0], language, roots
        known = self._places.get(place)
        if known is not None and time.monotonic() - known[1] < PLACE_SECONDS:
            return known[0]
        inside = (each for each in candidates if is_inside(each, roots))
        found = next((each for each in inside if find_stamp(local_path(each)) is not None), None)
        _remember(self._places, place, (found, time.monotonic()), MAX_PLACES)
        return found


@dataclass(slots=True)
class Search:
    """The search for the imports of one document; `find` is a `FindSource`.

    `documents` are the open documents that may leave, by their paths; `roots` are the paths of the open
    folders.
    """

    files: SourceFiles
    documents: Mapping[str, Document]
    roots: tuple[str, ...]
    used: set[str] = field(default_factory=set[str])

    def find(self, module: str, path: str, language: str) -> SourceOutline | None:
        """Return the outline of the file that a module means."""
        found = self.files.locate(module, path, language, self.roots, self.documents)
        if found is None or (found not in self.used and len(self.used) >= MAX_FILES):
            return None
        self.used.add(found)
        document = self.documents.get(found)
        if document is not None:
            return self.files.outline_document(found, document)
        return self.files.outline_file(found, self.roots)


def find_stamp(path: str) -> Stamp | None:
    """Return the stamp of a regular file of a usable size; None for all else, such as a loop of links."""
    try:
        return _stamp_of(os.stat(path))
    except (OSError, ValueError):
        return None


def _stamp_of(status: os.stat_result) -> Stamp | None:
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def read_unchanged(path: str, stamp: Stamp) -> str | None:
    """Return the text of a file; None if it is not the file of the stamp, changes, or is not a text."""
    try:
        # Without waiting: a pipe that has replaced the file would block.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(number, "rb") as opened:
            if _stamp_of(os.fstat(number)) != stamp:
                return None
            data = opened.read(MAX_BYTES + 1)
            if _stamp_of(os.fstat(number)) != stamp or len(data) != stamp[2]:
                return None
        text = data.decode("utf-8-sig")
    except (OSError, ValueError):
        return None
    return None if "\0" in text else text


def uri_of(path: str) -> str:
    """Return the URI of a path with `/`."""
    return f"file://{quote(path)}"


def _outline(path: str, text: str, language: str, *, is_open: bool = False) -> SourceOutline:
    return SourceOutline(path, language, outline_of(text, language), find_imports(text, language), is_open)


def _remember(cache: dict[_K, _V], key: _K, value: _V, most: int) -> None:
    """Keep a value; forget the oldest ones beyond `most`."""
    cache.pop(key, None)
    cache[key] = value
    while len(cache) > most:
        del cache[next(iter(cache))]
