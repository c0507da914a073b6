"""The embedded models: where they come from, what they are, how they are fetched."""
