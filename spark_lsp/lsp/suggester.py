"""Returns the suggestion for a request's position, or puts the reason for its absence into the status."""

from lsprotocol import types

from spark_lsp.codes import Code, Reason
from spark_lsp.lsp import convert
from spark_lsp.lsp.completion_stream import content_modified
from spark_lsp.lsp.completions import Completions
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.status_publisher import StatusPublisher
from spark_lsp.session.documents import Documents
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document


class Suggester:
    """Checks that a document may have suggestions before it asks `Completions` for one."""

    def __init__(
        self,
        *,
        documents: Documents,
        outgoing: Outgoing,
        settings: SettingsStore,
        status: StatusPublisher,
        engine_side: EngineSide,
        completions: Completions,
    ) -> None:
        self._documents = documents
        self._outgoing = outgoing
        self._settings = settings
        self._status = status
        self._engine_side = engine_side
        self._completions = completions

    async def suggest(
        self, uri: str, document: Document | None, position: types.Position, method: str
    ) -> Suggestion | None:
        """Return the suggestion at a position of `document`, which is the text at the request's arrival.

        Raises `JsonRpcException` "content modified" if the answer would not fit the current text.
        """
        if document is None:
            self._status.explain(Code.DOCUMENT_UNUSABLE, str(self._documents.find_problem(uri)))
            return None
        refusal = await self._find_refusal(uri)
        if refusal is None and not self._engine_side.up.is_set():
            await self._engine_side.wait_until_up()
            refusal = await self._find_refusal(uri)  # the start opens, and so inspects, every document again
        if refusal is not None:
            self._status.explain(*refusal)
            return None
        offset = convert.to_offset_in(document, position, self._documents.encoding)
        if self._outgoing.is_scanning(uri):
            await self._wait_for_scan(document)
        found = await self._completions.suggest(document, offset, method)
        if found is not None and self._is_contradicted(found):
            raise content_modified()
        return found

    def _is_contradicted(self, found: Suggestion) -> bool:
        """Return whether text typed since the request contradicts its answer.

        Some editors send no request for each letter (Helix does so only within words). They would still
        offer the answer.
        """
        now = self._documents.get(found.document.uri)
        if now is None or now is found.document:
            return now is None
        return found.move_to(now, found.anchor + len(now) - len(found.document)) is None

    async def _wait_for_scan(self, document: Document) -> None:
        """Wait for the scan of a large document. Raises "content modified" if it changed in that time."""
        await self._outgoing.wait_until_scanned(document.uri)
        if self._documents.get(document.uri) is not document:
            raise content_modified()

    async def _find_refusal(self, uri: str) -> tuple[Reason, str] | None:
        """Return the reason why a document has no suggestions, with a detail; None if it may have some.

        Waits until the exclusion policy has decided about the document.
        """
        await self._outgoing.wait_until_decided(uri)
        if not self._settings.current.completion.enabled:
            return Code.COMPLETIONS_DISABLED, ""
        if self._outgoing.withholds(uri):
            return self._outgoing.exclusion.verdict(uri)
        if not self._outgoing.exclusion.find_narrowing(uri).ghost_text:
            return Code.EXCLUDED_BY_PROJECT, ""
        if pattern := self._outgoing.exclusion.find_disabling_pattern(uri):
            return Code.DISABLED_FOR_FILE, pattern
        return None
