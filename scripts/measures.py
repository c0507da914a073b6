"""Prints figures of how the code reads: names, density, sizes, cycles and private parts.

    python -m scripts.measures [PATH ...]

Each PATH is a folder of Python files, by default this package; give an older checkout or another library to
compare. Code lines are lines with a token other than a comment or a docstring.
"""

import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "spark_lsp"
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True)
class File:
    """A source file; `code_lines` are the numbers of its code lines."""

    lines: int
    code_lines: frozenset[int]
    tree: ast.Module

    def functions(self) -> Iterator[Function]:
        """Give all functions and methods."""
        yield from (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def length(self, function: Function) -> int:
        """Return the number of code lines of a function."""
        return sum(1 for line in range(function.lineno, _end_line(function) + 1) if line in self.code_lines)


def read_file(path: Path) -> File:
    """Return the figures' raw material of one file."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    docstrings = {line for node in ast.walk(tree) for line in _docstring_lines(node)}
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LAYOUT:
            code |= set(range(token.start[0], token.end[0] + 1)) - docstrings
    return File(source.count("\n"), frozenset(code), tree)


def _docstring_lines(node: ast.AST) -> Sequence[int]:
    if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
        first = node.body[0]
        return range(first.lineno, _end_line(first) + 1)
    return ()


def _end_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def is_one_word(name: str) -> bool:
    """Tell whether a function's name has no object, such as `run` or `_read`."""
    return "_" not in name.strip("_")


def measure(folder: Path) -> dict[str, str]:
    """Return the figures of a folder."""
    files = [read_file(path) for path in sorted(folder.rglob("*.py"))]
    names = [each.name for file in files for each in file.functions() if not each.name.startswith("__")]
    lengths = [file.length(each) for file in files for each in file.functions()]
    nodes = sum(isinstance(node, ast.expr | ast.stmt) for file in files for node in ast.walk(file.tree))
    code = sum(len(file.code_lines) for file in files)
    sizes = [file.lines for file in files if file.code_lines]
    median_name = statistics.median(len(name.strip("_")) for name in names)
    one_word = sum(map(is_one_word, names))
    return {
        "files": f"{len(sizes)}",
        "lines": f"{sum(sizes):,}",
        "lines of a file: median / p90 / longest": _describe_sizes(sizes),
        "files over 350 lines": f"{sum(size > 350 for size in sizes)}",
        "functions": f"{len(lengths):,}",
        "lines of a function: median / p90 / longest": _describe_sizes(lengths),
        "one-word function names": f"{100 * one_word / len(names):.0f} % ({one_word:,} of {len(names):,})",
        "characters of a function's name, median": f"{median_name:.0f}",
        "expressions and statements per code line": f"{nodes / code:.2f}",
    }


def _describe_sizes(values: Sequence[int]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.0f} / {ordered[len(ordered) * 9 // 10]} / {ordered[-1]}"


def main(folders: Sequence[str]) -> None:
    """Print the figures of each folder."""
    for folder in map(Path, folders or [str(PACKAGE)]):
        print(folder)
        for name, value in measure(folder).items():
            print(f"  {name:45} {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
