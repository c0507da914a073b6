"""Syntax trees of our own files, for the tests that read the code.

Each file is parsed once; do not change a tree.
"""

import ast
from functools import cache
from pathlib import Path


@cache
def parse(file: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(file.read_text("utf-8"))


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a file's syntax tree, in the order of `ast.walk`."""
    return tuple(ast.walk(parse(file)))
