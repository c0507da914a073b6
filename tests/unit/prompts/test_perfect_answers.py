"""A model that answers with the removed text itself, and goes on: its ghost text restores the file.

Each place is drawn from real files: the rest of a line, some complete statements, or the rest of a line whose
closers the editor has added, is removed. The answer is the removed text and the lines that follow it in the
file, as models continue beyond their task. Accepted text must be the removed one, or its beginning.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spark_lsp.prompts.ghost import GhostText

ROOT = Path(__file__).parents[3]
FILES = {
    "python": sorted((ROOT / "spark_lsp" / "lsp").glob("*.py")),
    "typescript": sorted((ROOT / "editors" / "vscode" / "src").glob("*.ts")),
    "lua": sorted((ROOT / "editors" / "neovim").rglob("*.lua")),
}
PLACES = 120  # of each language
MIN_EXACT = 0.9
PAIRS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
TOKEN = re.compile(r"\s*\w{1,5}|\s+|[^\w\s]{1,3}")
BALANCE = ("()", "[]", "{}")


@dataclass(frozen=True)
class Place:
    """A removed text: the file is `before + removed + after`, with `closers` in place of `removed`."""

    file: str
    before: str
    removed: str
    after: str
    closers: str = ""


def is_balanced(text: str) -> bool:
    return all(text.count(one) == text.count(other) for one, other in BALANCE)


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def draw_rest_of_line(lines: list[str], at: int, draw: random.Random) -> tuple[int, str, str] | None:
    """Return the column, the removed text and the closers for the rest of a line."""
    line = lines[at]
    columns = [match.end() for match in re.finditer(r"\w+\W", line)]
    columns = [column for column in columns if indent_of(line) < column < len(line)]
    return (column := draw.choice(columns), line[column:], "") if columns else None


def draw_statements(lines: list[str], at: int, draw: random.Random) -> tuple[int, str, str] | None:
    """Return the same for up to five lines that are complete statements."""
    indent, last, count = indent_of(lines[at]), at, draw.randrange(1, 6)
    while (
        last < len(lines)
        and last - at < count
        and (not lines[last].strip() or indent_of(lines[last]) >= indent)
    ):
        last += 1
    removed = "\n".join(lines[at:last]).rstrip()
    is_cut = last < len(lines) and bool(lines[last].strip()) and indent_of(lines[last]) > indent
    if is_cut or not is_balanced(removed) or removed.lstrip()[:1] in tuple(")]}*"):
        return None
    quotes = removed.count('"""') % 2 or removed.count("`") % 2
    return None if quotes or re.match(r"\s*(end|else|until)\b", removed) else (indent, removed[indent:], "")


def draw_closed_line(lines: list[str], at: int, draw: random.Random) -> tuple[int, str, str] | None:
    """Return the same for the rest of a line behind a bracket; the editor has added the closers."""
    line = lines[at]
    columns = [match.end() for match in re.finditer(r"[(\[{]", line)]
    if not columns or not is_balanced(line) or re.search(r"[\"'`\\]", line):
        return None
    column = draw.choice(columns)
    stack: list[str] = []
    for character in line[:column]:
        if character in "([{":
            stack.append(PAIRS[character])
        elif stack and character == stack[-1]:
            stack.pop()
    return column, line[column:], "".join(reversed(stack))


def places(language: str, kind: int) -> Iterator[Place]:
    """Draw places; the same for the same files."""
    draw = random.Random(f"{language} {kind}")
    draws = (draw_rest_of_line, draw_statements, draw_closed_line)
    for _ in range(PLACES * 20):
        file = draw.choice(FILES[language])
        text = file.read_text("utf-8")
        lines = text.split("\n")
        at = draw.randrange(2, max(len(lines) - 3, 3))
        found = draws[kind](lines, at, draw) if at < len(lines) and lines[at].strip() else None
        if found is not None:
            start = sum(len(line) + 1 for line in lines[:at]) + found[0]
            rest = text[start + len(found[1]) :]
            yield Place(f"{file.name}:{at + 1}", text[:start], found[1], rest, found[2])


def accept(place: Place, language: str) -> str:
    """Return the file after the answer was accepted."""
    text = place.before + place.closers + place.after
    ghost = GhostText(text, len(place.before), language)
    going_on = "\n".join(place.after.split("\n")[:5])
    for piece in TOKEN.findall(place.removed + going_on):
        if ghost.feed(piece):
            break
    inserted = ghost.finish() or ""
    return text[: len(place.before)] + inserted + text[ghost.end if inserted else len(place.before) :]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [0, 1, 2], ids=["rest of a line", "statements", "closed by the editor"])
@pytest.mark.parametrize("language", FILES)
def test_a_perfect_answer_restores_the_file(language: str, kind: int) -> None:
    results: Counter[str] = Counter()
    for place in places(language, kind):
        if results.total() == PLACES:
            break
        text, original = accept(place, language), place.before + place.removed + place.after
        kept = text[len(place.before) : len(text) - len(place.after)]
        is_beginning = text.endswith(place.after) and place.removed.startswith(
            kept.removesuffix(place.closers)
        )
        is_exact = "".join(text.split()) == "".join(original.split())
        assert is_exact or is_beginning, f"{place.file}: {kept!r} in place of {place.removed!r}"
        results["exact" if is_exact else "beginning"] += 1
    assert results["exact"] >= MIN_EXACT * results.total(), results
