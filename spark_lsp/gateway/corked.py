"""uvicorn's WebSocket on a transport that joins the writes of one turn."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from spark_lsp.engine.corked import Corked


class CorkedWebSocket(WebSocketsSansIOProtocol):
    """See the module's text."""

    def connection_made(self, transport: Any) -> None:
        """Take the transport of a connection that was HTTP until now."""
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]
