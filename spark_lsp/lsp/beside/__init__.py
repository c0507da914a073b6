"""The context beside a document: its sources, and its way to the gateway."""
