"""The editing session: open documents, the parts of requests, live suggestions. Pure."""
