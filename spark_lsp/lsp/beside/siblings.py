"""The files beside open documents, for the gateway's copy model: code in one folder often repeats itself.

Once for each folder, some files of the language are read on a thread and mirrored like documents. They are
sent to the user's own gateway on this machine alone. It only copies from them; no engine reads them. The
exclusion policy judges each file as it would judge the document, and files with secrets stay.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from spark_lsp.errors import SparkError
from spark_lsp.lsp.beside.source_files import SourceFiles, find_stamp, uri_of
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.exclusion import local_path
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.privacy.uris import is_file, path_of
from spark_lsp.request import SIBLING_SCHEME
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document

MAX_ENTRIES = 5_000  # of a folder
MAX_FILES = 24  # of one folder; the policy may start git for each
MAX_CHARS = 600_000  # of one folder
MAX_FOLDERS = 4  # with open documents, the newest
REST_SECONDS = 0.2  # before a folder is read: an editor opens several files at its start
PAUSE_SECONDS = 0.02  # between two files: sending them must not delay a key


@dataclass(slots=True)
class _Folder:
    """A folder and language with open documents, and the URIs of the texts that are mirrored for them."""

    documents: set[str] = field(default_factory=set[str])
    mirrored: list[str] = field(default_factory=list[str])


class Siblings:
    """`roots` returns the URIs of the open folders; `is_wanted` tells whether the copy model uses files."""

    def __init__(
        self,
        *,
        documents: Documents,
        outgoing: Outgoing,
        roots: Callable[[], Iterable[str]],
        engine_side: EngineSide,
        is_wanted: Callable[[], bool],
    ) -> None:
        self._documents = documents
        self._outgoing = outgoing
        self._roots = roots
        self._engine_side = engine_side
        self._is_wanted = is_wanted
        self._files = SourceFiles(outgoing.exclusion)
        self._folders: dict[tuple[str, str], _Folder] = {}

    def follow(self, document: Document) -> None:
        """Read the files beside a document that was opened, unless its folder is known."""
        uri = document.uri
        self._drop(SIBLING_SCHEME + uri)
        if not is_file(uri) or not self._is_wanted():
            return
        key = _key_of(uri)
        if key in self._folders:
            self._folders[key].documents.add(uri)
            return
        self._folders[key] = folder = _Folder({uri})
        for old in list(self._folders)[:-MAX_FOLDERS]:
            self._close(self._folders.pop(old))
        with suppress(SparkError):  # the engine side is down; its next start calls `forget_all`
            self._engine_side.spawn(self._read, key, folder)

    def forget(self, uri: str) -> None:
        """Remove the files of a folder from the mirror when its last document is closed."""
        for key, folder in list(self._folders.items()):
            folder.documents.discard(uri)
            if not folder.documents:
                self._close(self._folders.pop(key))

    def forget_all(self) -> None:
        """Remove all files from the mirror, and read them again: the settings have changed."""
        for folder in self._folders.values():
            self._close(folder)
        self._folders.clear()
        for document in self._documents.list_usable():
            self.follow(document)

    def _drop(self, uri: str) -> None:
        """Remove one file from the mirror: it is open now."""
        for folder in self._folders.values():
            if uri in folder.mirrored:
                folder.mirrored.remove(uri)
                self._outgoing.close_context(uri)

    def _close(self, folder: _Folder) -> None:
        for uri in folder.mirrored:
            self._outgoing.close_context(uri)
        folder.mirrored.clear()

    async def _read(self, key: tuple[str, str], folder: _Folder) -> None:
        await asyncio.sleep(REST_SECONDS)
        uri = next(iter(folder.documents), "")
        await self._outgoing.wait_until_scanned(uri)
        if self._outgoing.find_shown(uri) is None:
            return  # the document itself must stay in the editor
        roots = tuple(path_of(root).rstrip("/") or "/" for root in self._roots() if is_file(root))
        found = await run_in_thread(_read_folder, self._files, *key, roots)
        self._outgoing.exclusion.report_warnings()
        for path, text in found:
            if self._folders.get(key) is not folder or not self._is_wanted():
                break
            if self._documents.get(uri_of(path)) is None:
                context = Document(SIBLING_SCHEME + uri_of(path), text, 1)
                folder.mirrored.append(context.uri)
                self._outgoing.mirror_context(context, None)
                await asyncio.sleep(PAUSE_SECONDS)
        for path, _ in found:
            if self._documents.get(uri_of(path)) is None:
                self._outgoing.exclusion.forget(uri_of(path))


def _key_of(uri: str) -> tuple[str, str]:
    """Return the folder of a document, and the suffix of its name."""
    folder, _, name = path_of(uri).rpartition("/")
    return folder or "/", os.path.splitext(name)[1]


def _read_folder(files: SourceFiles, folder: str, suffix: str, roots: Sequence[str]) -> list[tuple[str, str]]:
    """Return the paths and texts, without secrets, of the files that changed last."""
    if not suffix:
        return []
    found: list[tuple[str, str]] = []
    room = MAX_CHARS
    for path in islice(_list_newest(folder, suffix), MAX_FILES):
        text = files.read_permitted(path, roots)
        # A copied mask of a secret would be nonsense.
        if text is not None and len(text) <= room and redact_secrets(text) == text:
            room -= len(text)
            found.append((path, text))
    return found


def _list_newest(folder: str, suffix: str) -> Iterable[str]:
    try:
        with os.scandir(local_path(folder)) as entries:
            names = [each.name for each in islice(entries, MAX_ENTRIES) if each.name.endswith(suffix)]
    except OSError:
        return []
    paths = [f"{folder.rstrip('/')}/{name}" for name in names]
    stamps = {path: find_stamp(local_path(path)) for path in paths}
    dated = [(stamp[3], path) for path, stamp in stamps.items() if stamp is not None]
    return [path for _, path in sorted(dated, reverse=True)]
