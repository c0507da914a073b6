"""A small LSP client, for the demo, scripts and benchmarks."""
