"""A service with the Responses API as an engine: one WebSocket for all documents, or HTTP without one."""
