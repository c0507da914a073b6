"""Sends open documents to the gateway's mirror: only permitted documents, and without their secrets.

All document text that leaves this process passes this file. A document that the exclusion policy withholds is
never mirrored. The others are mirrored with asterisks in place of secrets.

Scanning a large text for secrets takes up to several seconds, so it is done on a worker thread. Edits that
arrive during the scan are stored and scanned after it; requests wait for its end with `wait_until_scanned`.

Before the scan, the exclusion policy decides whether the document may leave. If that needs git, it runs on a
worker thread, and the document stays in the editor until git has answered.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spark_lsp.errors import origin
from spark_lsp.lsp.exclusion import VERDICT_LIFETIME_SECONDS, ExclusionPolicy
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.session.documents import Documents
from spark_lsp.supervise import run_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

log = logging.getLogger(__name__)

INLINE_SCAN_CHARACTERS = 32_768  # scanned on the event loop; slow texts of this size take 60 ms
PARALLEL_DECISIONS = 4  # documents for which git runs at the same time


@dataclass(slots=True, eq=False)
class _Scan:
    """The scan of a large document, and the edits that arrived during it."""

    document: Document
    later: list[tuple[Document, Sequence[Edit]]] = field(
        default_factory=list[tuple[Document, Sequence[Edit]]]
    )
    done: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


class Outgoing:
    """The documents as the gateway may see them."""

    def __init__(
        self,
        documents: Documents,
        exclusion: ExclusionPolicy,
        settings: SettingsStore,
        gateway: GatewayClient,
    ) -> None:
        self._documents = documents
        self.exclusion = exclusion
        self._settings = settings
        self._gateway = gateway
        self._mirrored: dict[str, RedactedDocument] = {}
        self._scans: dict[str, _Scan] = {}
        self._decisions: dict[str, asyncio.Task[None]] = {}
        self._deciding = asyncio.Semaphore(PARALLEL_DECISIONS)
        self.on_mirror: list[Callable[[RedactedDocument], None]] = []  # called with a document sent in full

    def open(self, document: Document) -> None:
        """Mirror a document as soon as the exclusion policy permits it."""
        if self._is_mirrored(document.uri):
            self.close(document.uri)  # the editor opened it twice
        self.exclusion.forget(document.uri)
        if self._gateway.is_attached:
            self._decide(document.uri)

    def _is_mirrored(self, uri: str) -> bool:
        return uri in self._mirrored or uri in self._scans

    def _decide(self, uri: str) -> "asyncio.Task[None] | None":
        """Inspect a document and follow the verdict; return the task if that needs a worker thread."""
        if not self._settings.is_requesting and not self.exclusion.needs_git(uri):
            self.exclusion.inspect(uri)
            self.exclusion.report_warnings()
            self._follow_verdict(uri)
            return None
        self._decisions[uri] = task = asyncio.ensure_future(self._decide_in_thread(uri))
        return task

    async def _decide_in_thread(self, uri: str) -> None:
        task = asyncio.current_task()
        try:
            await self._settings.wait_for_answer()
            async with self._deciding:
                await run_in_thread(self.exclusion.inspect, uri)
        except Exception as error:
            log.error("a document stays in the editor, because inspecting it failed: %s", origin(error))
        finally:
            if self._decisions.get(uri) is task:
                del self._decisions[uri]
        self.exclusion.report_warnings()
        if uri not in self._decisions:  # otherwise it was opened again, and the later task decides
            self._follow_verdict(uri)

    def _follow_verdict(self, uri: str) -> None:
        """Start or stop mirroring a document, according to the last inspection."""
        document = self._documents.get(uri)
        if document is None and not self._is_mirrored(uri):
            self.exclusion.forget(uri)
        elif self.exclusion.verdict(uri) is not None:
            if self._is_mirrored(uri):
                self.close(uri)
        elif document is not None and not self._is_mirrored(uri) and self._gateway.is_attached:
            self._scan(document)

    async def wait_until_decided(self, uri: str) -> None:
        """Wait until the exclusion policy has decided whether a document may leave."""
        if self.exclusion.is_fresh(uri) and uri not in self._decisions:
            return
        task = self._decisions.get(uri) or self._decide(uri)
        if task is not None:
            await asyncio.wait([task])

    def _scan(self, document: Document) -> None:
        self._mirrored.pop(document.uri, None)
        self._scans.pop(document.uri, None)
        if len(document) <= INLINE_SCAN_CHARACTERS:
            self._mirror(RedactedDocument.from_document(document))
            return
        self._scans[document.uri] = scan = _Scan(document)
        work = run_guarded(self._scan_in_thread, scan, on_failure=lambda _: self._end_scan(scan))
        scan.task = asyncio.ensure_future(work)  # the handler of a notification does not run in a task

    async def _scan_in_thread(self, scan: _Scan) -> None:
        try:
            shown = await run_in_thread(RedactedDocument.from_document, scan.document)
            if self._scans.get(scan.document.uri) is scan:  # otherwise it was closed or opened again
                for document, edits in scan.later:
                    shown, _ = shown.follow_edits(document, edits)
                self._mirror(shown)
        finally:
            self._end_scan(scan)

    def _end_scan(self, scan: _Scan) -> None:
        """Wake the requests that wait for the scan of a document."""
        if self._scans.get(scan.document.uri) is scan:
            del self._scans[scan.document.uri]
        scan.done.set()

    def _mirror(self, shown: RedactedDocument) -> None:
        self._mirrored[shown.real.uri] = shown
        self._gateway.open_mirror(shown.document)
        for listener in self.on_mirror:
            listener(shown)

    async def wait_until_scanned(self, uri: str) -> None:
        """Wait until a document is permitted to leave and its secrets are known."""
        await self.wait_until_decided(uri)
        while scan := self._scans.get(uri):
            await scan.done.wait()

    def is_scanning(self, uri: str) -> bool:
        """Return whether the scan of a document is not yet complete."""
        return uri in self._scans

    def change(self, document: Document, edits: Sequence[Edit]) -> bool:
        """Mirror a change; return False if the document is not mirrored."""
        if not self._gateway.is_attached:
            return False
        uri = document.uri
        if scan := self._scans.get(uri):
            scan.later.append((document, edits))
            return True
        if not self.exclusion.is_fresh(uri, VERDICT_LIFETIME_SECONDS / 2) and uri not in self._decisions:
            self._decide(uri)  # during typing, so that requests need not wait for the decision
        shown = self._mirrored.get(uri)
        if shown is None or shown.real is document:
            return False
        if sum(len(edit.new) for edit in edits) > INLINE_SCAN_CHARACTERS:
            self._scan(document)
            return True
        shown, shown_edits = shown.follow_edits(document, edits)
        self._mirrored[uri] = shown
        self._gateway.edit_mirror(shown.document, shown_edits)
        return True

    def close(self, uri: str) -> None:
        """Stop mirroring a document."""
        self._mirrored.pop(uri, None)
        self._scans.pop(uri, None)
        self._gateway.close_mirror(uri)

    def redact(self, document: Document) -> RedactedDocument:
        """Return a document, at the given version, without its secrets."""
        shown = self._mirrored.get(document.uri)
        return (
            shown
            if shown is not None and shown.real is document
            else RedactedDocument.from_document(document)
        )

    def find_shown(self, uri: str) -> Document | None:
        """Return a document as the gateway has it, without secrets; None if it must stay in the editor."""
        shown = self._mirrored.get(uri)
        return None if shown is None or self.exclusion.verdict(uri) is not None else shown.document

    def mirror_context(self, context: Document, edits: Sequence[Edit] | None) -> None:
        """Mirror the context beside a document. Its text is made of texts without secrets.

        `edits` led to it; None: send it in full.
        """
        if edits is None:
            self._gateway.open_mirror(context)
        else:
            self._gateway.edit_mirror(context, edits)

    def close_context(self, uri: str) -> None:
        """Stop mirroring a context."""
        self._gateway.close_mirror(uri)

    def withholds(self, uri: str) -> bool:
        """Return whether a document must stay in the editor; if so, stop mirroring it."""
        must_stay = self.exclusion.verdict(uri) is not None
        if must_stay and self._is_mirrored(uri):
            self.close(uri)
        return must_stay

    def follow_settings(self) -> None:
        """Start or stop mirroring each document, after the settings have changed."""
        for document in self._documents.list_usable():
            self._follow_verdict(document.uri)

    def decide_all(self) -> None:
        """Decide about all documents again, after the open folders have changed."""
        if self._gateway.is_attached:
            for document in self._documents.list_usable():
                self._decide(document.uri)
