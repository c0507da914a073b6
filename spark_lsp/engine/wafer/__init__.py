"""Another engine's tokens, at the pace of a simulated machine."""
