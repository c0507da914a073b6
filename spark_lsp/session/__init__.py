"""What the server knows of the person's work: open documents, context, live suggestions. Pure."""
