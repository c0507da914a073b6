"""Text as an editor sees it: documents, positions, edits. Pure."""
