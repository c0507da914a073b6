"""Sends the cursor's position to the gateway after a pause in typing, so that the model can read ahead."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from spark_lsp.errors import EngineError
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.request import Focus
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

REST_SECONDS = 0.25  # without typing, after which the cursor counts as resting


class CursorRest:
    """One timer, restarted by each change of any document."""

    def __init__(self, gateway: GatewayClient, outgoing: Outgoing) -> None:
        self._gateway = gateway
        self._outgoing = outgoing
        self._timer: asyncio.TimerHandle | None = None

    def restart(self, document: Document, edits: Sequence[Edit]) -> None:
        """Wait for the next pause; the cursor is assumed after the last edit."""
        if self._timer is not None:
            self._timer.cancel()
        offset = edits[-1].start + len(edits[-1].new) if edits else 0
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(REST_SECONDS, self._send_focus, document, offset)

    def _send_focus(self, document: Document, offset: int) -> None:
        if self._outgoing.is_scanning(document.uri) or self._outgoing.withholds(document.uri):
            return
        with suppress(EngineError):
            shown = self._outgoing.redact(document).document
            self._gateway.observe(Focus(shown.uri, shown.language, shown.text, offset))
