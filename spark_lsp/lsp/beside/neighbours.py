"""The signatures that each document imports, kept up to date in the background.

Reading and parsing files takes milliseconds, or more on a slow disk. It is done on a thread, while the user
pauses; a keystroke only uses the results.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from spark_lsp.errors import SparkError
from spark_lsp.lsp.beside.source_files import Search, SourceFiles, uri_of
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.exclusion import UNDECIDED
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.uris import is_file, path_of
from spark_lsp.prompts.imported_symbols import ImportedSymbol, list_imported
from spark_lsp.prompts.imports import LANGUAGES, find_imports
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

REST_SECONDS = 0.3  # without changes, before files are read
LONGEST_WAIT_SECONDS = 3.0  # while the user types without a rest
FRESH_SECONDS = 5.0  # after which the files are examined again


@dataclass(frozen=True, slots=True)
class _Known:
    """The imports of a document, the URIs of their files by path, and the time of the look."""

    symbols: tuple[ImportedSymbol, ...]
    uris: dict[str, str]
    at: float


class Neighbours:
    """`roots` returns the URIs of the open folders; `is_wanted` tells whether anything uses the results."""

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
        self._known: dict[str, _Known] = {}
        self._wanted: dict[str, None] = {}  # documents to look into, in their order
        self._is_running = False
        self._changes = 0

    def list_symbols(self, uri: str) -> list[ImportedSymbol]:
        """Return the signatures behind a document's imports that may leave; look again if they are old."""
        known = self._known.get(uri)
        if known is None or asyncio.get_running_loop().time() - known.at > FRESH_SECONDS:
            self._request(uri)
        if known is None:
            return []
        verdict = self._outgoing.exclusion.verdict  # the settings may have changed
        verdicts = {path: verdict(each) for path, each in known.uris.items()}
        if UNDECIDED in verdicts.values():
            self._request(uri)  # another part has forgotten the verdict on a file
        return [symbol for symbol in known.symbols if verdicts.get(symbol.path, UNDECIDED) is None]

    def follow(self, document: Document, _: Sequence[Edit] = ()) -> None:
        """Look into the imports of a document that was opened or changed, at the next rest."""
        self._request(document.uri)

    def forget(self, uri: str) -> None:
        """Forget a document that is closed."""
        self._known.pop(uri, None)
        self._wanted.pop(uri, None)

    def _request(self, uri: str) -> None:
        self._changes += 1
        if not self._is_wanted():
            return
        self._wanted[uri] = None
        if not self._is_running:
            with suppress(SparkError):  # it will be requested again
                self._engine_side.spawn(self._run)

    async def _run(self) -> None:
        """Look into the wanted documents, at a rest."""
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._wanted:
                await self._wait_for_rest()
                for uri in list(self._wanted):
                    self._wanted.pop(uri, None)
                    await self._look_into(uri)
        finally:
            self._is_running = False

    async def _wait_for_rest(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + LONGEST_WAIT_SECONDS
        seen = -1
        while seen != self._changes and loop.time() < due:
            seen = self._changes
            await asyncio.sleep(REST_SECONDS)

    async def _look_into(self, uri: str) -> None:
        document = self._outgoing.find_shown(uri)
        if document is None:
            return
        if document.language not in LANGUAGES or not is_file(uri):
            self._known[uri] = _Known((), {}, asyncio.get_running_loop().time())
            return
        roots = tuple(path_of(root).rstrip("/") or "/" for root in self._roots() if is_file(root))
        search = Search(self._files, self._list_open(), roots)
        self._files.keep_open(search.documents.keys())
        symbols = await run_in_thread(_list_symbols, search, document)
        self._outgoing.exclusion.report_warnings()
        if self._documents.get(uri) is not None:
            uris = {path: self._uri_of(path, search) for path in search.used}
            self._known[uri] = _Known(symbols, uris, asyncio.get_running_loop().time())
        self._forget_verdicts()

    def _uri_of(self, path: str, search: Search) -> str:
        """Return the URI by which the exclusion policy knows a file."""
        document = search.documents.get(path)
        return uri_of(path) if document is None else document.uri

    def _forget_verdicts(self) -> None:
        """Forget the exclusion policy's verdicts on files that no open document imports any more."""
        used = {uri for known in self._known.values() for uri in known.uris.values()}
        for uri in self._files.judged - used:
            self._files.judged.discard(uri)
            if self._documents.get(uri) is None:
                self._outgoing.exclusion.forget(uri)

    def _list_open(self) -> dict[str, Document]:
        """Return the open documents that may leave, without their secrets, by their paths."""
        found: dict[str, Document] = {}
        for document in self._documents.list_usable():
            if document.language in LANGUAGES and is_file(document.uri):
                shown = self._outgoing.find_shown(document.uri)
                if shown is not None:
                    found[path_of(document.uri)] = shown
        return found


def _list_symbols(search: Search, document: Document) -> tuple[ImportedSymbol, ...]:
    imports = find_imports(document.text, document.language)
    return list_imported(imports, path_of(document.uri), document.language, search.find)
