"""The baseline's program: stock pygls, kept as data because only `lsp/` may import pygls here."""

from importlib.resources import files

from spark_lsp import programs


def command(mode: str, *more: str) -> tuple[str, ...]:
    """Return the command line that runs stock pygls in one of its modes; see the program's own text."""
    source = files("spark_lsp.bench").joinpath("data", "stock.py.txt").read_text("utf-8")
    return programs.python("-c", source, mode, *more)
