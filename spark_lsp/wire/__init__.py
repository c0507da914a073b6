"""The Responses WebSocket and what spark.v1 adds, without any I/O. Pure."""
