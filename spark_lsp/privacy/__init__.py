"""Decides which files and which text may leave the process, and which settings need approval. Pure."""
