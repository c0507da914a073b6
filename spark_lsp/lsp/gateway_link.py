"""The interface of the connection to the gateway; `engine.remote.Remote` implements it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from spark_lsp.answer_events import Event
from spark_lsp.request import Focus, Request
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit


class GatewayLink(Protocol):
    """The connection, with one method for each kind of message."""

    async def run(self) -> None:
        """Keep the connection alive; return or raise when it has ended."""
        ...

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Send a request; the context gives the events of its answer. Raises `EngineError`."""
        ...

    def observe(self, focus: Focus) -> None:
        """Send the position at which the cursor rests. Raises `EngineError`."""
        ...

    def open_document(self, document: Document) -> None:
        """Send a document to be mirrored."""
        ...

    def edit_document(self, document: Document, edits: Sequence[Edit]) -> None:
        """Send the edits that led to a mirrored document's new text."""
        ...

    def close_document(self, uri: str) -> None:
        """Stop mirroring a document."""
        ...

    def configure(
        self,
        engines: Mapping[str, Any],
        routes: Mapping[str, Sequence[str]],
        budget: Mapping[str, Any],
        keys: Mapping[str, str],
        *,
        drafts: bool = True,
    ) -> None:
        """Replace the editor's own engines, routes, budget and keys, and turn drafts on or off."""
        ...
