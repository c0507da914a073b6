"""Sends the cursor's position to the gateway after a pause, so that the model can read ahead.

LSP has no message for a move of the cursor. The server learns positions from changes, from requests for code
actions, which some editors send at each move, and from the command `spark.cursor` of our own clients.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from spark_lsp.errors import EngineError
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.request import Focus
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

REST_SECONDS = 0.25  # without typing, after which the cursor counts as resting


class CursorRest:
    """One timer, restarted by each change and move in any document."""

    def __init__(self, gateway: GatewayClient, outgoing: Outgoing, settings: SettingsStore) -> None:
        self._gateway = gateway
        self._outgoing = outgoing
        self._settings = settings
        self._timer: asyncio.TimerHandle | None = None

    def follow_edits(self, document: Document, edits: Sequence[Edit]) -> None:
        """Wait for the next pause; the cursor is assumed after the last edit."""
        self.move(document, edits[-1].start + len(edits[-1].new) if edits else 0)

    def move(self, document: Document, offset: int = 0) -> None:
        """Wait for a pause at this position. At the document's start, the engine only becomes ready."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(REST_SECONDS, self._send_focus, document, offset)

    def _send_focus(self, document: Document, offset: int) -> None:
        if not self._settings.current.completion.enabled:
            return
        if self._outgoing.is_scanning(document.uri) or self._outgoing.withholds(document.uri):
            return
        with suppress(EngineError):
            shown = self._outgoing.redact(document).document
            self._gateway.observe(Focus(shown.uri, shown.language, shown.text, offset))
