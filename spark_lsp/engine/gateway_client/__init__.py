"""The gateway as an engine: the language server's end of the WebSocket connection."""
