"""The gateway: one process per user that owns engines and serves every editor window."""
