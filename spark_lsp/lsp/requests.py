"""The requests that are being answered, each with the document as it was when the request arrived."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from spark_lsp.text.document import Document

MessageId = int | str


class RequestBook:
    """Remembers a request from its arrival until its answer is sent.

    Later changes may overtake the handler, so the document's snapshot is taken at the arrival;
    `find_document` returns the current text for a URI.
    """

    def __init__(self, find_document: "Callable[[str], Document | None]") -> None:
        self._find_document = find_document
        self._documents: dict[MessageId, Document | None] = {}

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._documents

    def __len__(self) -> int:
        return len(self._documents)

    def add(self, message_id: MessageId, params: object) -> None:
        """Record the arrival of a request, with a snapshot of the document that its parameters name."""
        uri = getattr(getattr(params, "text_document", None), "uri", None)
        self._documents[message_id] = self._find_document(uri) if isinstance(uri, str) else None

    def document(self, message_id: MessageId | None) -> "Document | None":
        """Return the snapshot of a request; None without one."""
        return None if message_id is None else self._documents.get(message_id)

    def discard(self, message_id: MessageId | None) -> None:
        """Forget a request that was answered or cancelled."""
        if message_id is not None:
            self._documents.pop(message_id, None)
