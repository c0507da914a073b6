"""spark-lsp: ghost text and targeted edits in any editor, over one multiplexed WebSocket."""

__version__ = "0.1.0"
