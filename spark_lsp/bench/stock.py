"""The baseline's program: stock pygls, kept as data because only `lsp/` may import pygls here."""

import sys
from importlib.resources import files


def command(mode: str) -> tuple[str, ...]:
    """Return the command line that runs stock pygls as a `server` or to `sync` documents."""
    source = files("spark_lsp.bench").joinpath("data", "stock.py.txt").read_text("utf-8")
    return (sys.executable, "-c", source, mode)
