"""The user's decisions, kept on disk."""
