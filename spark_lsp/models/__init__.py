"""The embedded models: their sources, their properties, and their download."""
