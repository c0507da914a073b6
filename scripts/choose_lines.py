"""Choose the places of the benchmark suite `lines`, and print their table.

usage: .venv/bin/python scripts/choose_lines.py > spark_lsp/bench/data/lines.tsv

Each place is a line of code in an installed package, and a column in it: at the line's indentation (the suite
then asks for the whole line) or at a token's beginning in its first two thirds. Docstrings, comments, imports
and lines of brackets are left out. The same seed and versions give the same places.
"""

import hashlib
import importlib.metadata
import importlib.util
import io
import random
import tokenize
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("websockets", "starlette", "anyio", "uvicorn", "filelock")
SEED = 2026
PLACES_PER_PACKAGE = 12
MIN_LINES_ABOVE = 40
MIN_CHARS, MAX_CHARS = 12, 90
MIN_REST_CHARS = 4
MAX_FILE_LINES = 1_500
_LEFT_OUT = (
    *("import ", "from ", "@", "#", ")", "]", "}"),
    *("else", "try", "pass", "break", "continue", "finally"),
)


def main() -> None:
    """Print one line for each place."""
    print("package\tversion\tpath\tline\tcolumn\tsha256_8")
    chance = random.Random(SEED)
    for package in PACKAGES:
        version = importlib.metadata.version(package)
        for path, line, column, digest in choose(package, chance):
            print(package, version, path, line, column, digest, sep="\t")


def choose(
    package: str, chance: random.Random, count: int = PLACES_PER_PACKAGE
) -> Iterator[tuple[str, int, int, str]]:
    """Yield `count` places in different parts of a package, whole lines and rests of lines in turn."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    root = Path(spec.origin).parent
    candidates = [
        (path.relative_to(root).as_posix(), place)
        for path in sorted(root.rglob("*.py"))
        if len(path.read_text("utf-8").splitlines()) <= MAX_FILE_LINES
        for place in _find_places(path.read_text("utf-8"))
    ]
    chance.shuffle(candidates)
    used: dict[str, int] = {}
    chosen = 0
    for path, (line, columns, digest) in candidates:
        if used.get(path, 0) >= 2:
            continue
        used[path] = used.get(path, 0) + 1
        is_whole = chosen % 2 == 0
        yield path, line, columns[0] if is_whole else chance.choice(columns[1:]), digest
        chosen += 1
        if chosen == count:
            return


def _find_places(text: str) -> Iterator[tuple[int, list[int], str]]:
    """Yield `(line number, columns, digest)` of the lines that qualify."""
    columns: dict[int, list[int]] = {}
    in_string: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and token.start[0] != token.end[0]:
            in_string.update(range(token.start[0], token.end[0] + 1))
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.STRING):
            columns.setdefault(token.start[0], []).append(token.start[1])
    for number, line in enumerate(text.splitlines(), 1):
        code = line.strip()
        if number <= MIN_LINES_ABOVE or number in in_string or number not in columns:
            continue
        if not MIN_CHARS <= len(code) <= MAX_CHARS or code.startswith((*_LEFT_OUT, '"', "'")):
            continue
        indent = len(line) - len(line.lstrip())
        later = [
            each
            for each in columns[number]
            if indent < each <= indent + len(code) * 2 // 3 and len(line.rstrip()) - each >= MIN_REST_CHARS
        ]
        if later:
            yield number, [indent, *later], hashlib.sha256(line.encode()).hexdigest()[:8]


if __name__ == "__main__":
    main()
