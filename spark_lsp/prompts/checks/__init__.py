"""The checks of a proposed edit, one concept a file; `prompts.gate` runs them in order."""
