"""Notes the user's recent edits, in the texts without secrets that the gateway has."""

import asyncio
from collections.abc import Sequence

from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.session.recent_edits import Hunk, RecentEdits
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit


class EditWatcher:
    """Compares each version of a document with the one before."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._edits = RecentEdits()
        self._last: dict[str, Document] = {}  # by URI: the newest version, without secrets

    def begin(self, shown: RedactedDocument) -> None:
        """Note the text of a document that is mirrored from now on."""
        uri = shown.real.uri
        if (last := self._last.get(uri)) is None or last.text != shown.document.text:
            self._edits.forget_places(uri)
        self._last[uri] = shown.document

    def follow(self, document: Document, edits: Sequence[Edit]) -> None:
        """Note a change of a mirrored document."""
        uri = document.uri
        last = self._last.pop(uri, None)
        if self._outgoing.is_scanning(uri):
            return  # `begin` follows
        shown = self._outgoing.redact(document).document
        self._last[uri] = shown
        if last is not None:
            self._edits.note(last, shown, edits, asyncio.get_running_loop().time())

    def forget(self, uri: str) -> None:
        """Forget the text of a document that is closed. Its edits are still recent."""
        self._last.pop(uri, None)

    def list_hunks(self) -> list[Hunk]:
        """Return the recent edits in documents that may leave, the newest first."""
        hunks = self._edits.list_hunks(asyncio.get_running_loop().time())
        verdict = self._outgoing.exclusion.verdict
        return [hunk for hunk in hunks if verdict(hunk.uri) is None]
