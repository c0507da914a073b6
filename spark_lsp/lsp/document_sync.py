"""Passes each change of a document to the gateway's mirror and to all work on that document."""

from collections.abc import Callable, Sequence

from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

DocumentListener = Callable[[Document], None]
ChangeListener = Callable[[Document, Sequence[Edit]], None]
UriListener = Callable[[str], None]


class DocumentSync:
    """Calls its listeners; each list is in the order of the calls.

    `on_open` is called with a document that was opened and is mirrored, `on_change` with a mirrored document
    and the edits that led to it, `on_discard` with the URI of a document that is closed or unusable,
    `on_history_lost` with the URI of a document whose earlier offsets cannot be mapped to its new text.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self.on_open: list[DocumentListener] = []
        self.on_change: list[ChangeListener] = []
        self.on_discard: list[UriListener] = []
        self.on_history_lost: list[UriListener] = []

    def open(self, document: Document) -> None:
        """Mirror a document that was opened."""
        self._outgoing.open(document)
        for listener in self.on_open:
            listener(document)

    def change(self, document: Document, edits: Sequence[Edit]) -> None:
        """Mirror a change. Listeners are not called for documents that are not mirrored."""
        if self._outgoing.change(document, edits):
            for listener in self.on_change:
                listener(document, edits)

    def reopen(self, document: Document) -> None:
        """Mirror a document from scratch, after a change failed to reach all listeners."""
        for listener in self.on_discard:
            listener(document.uri)
        self._outgoing.open(document)

    def discard(self, uri: str) -> None:
        """Stop mirroring a document that is closed, or whose text is unusable."""
        self._outgoing.close(uri)
        for listener in self.on_discard:
            listener(uri)

    def lose_history(self, uri: str) -> None:
        """Report that edits under way can no longer be moved to the new text."""
        for listener in self.on_history_lost:
            listener(uri)
