"""Measure the copy model on lines of installed packages: precision, coverage and time.

usage: .venv/bin/python scripts/measure_copying.py [PACKAGE…]

At each place, the rest of a line is removed from its file. The copy model, which knows the file and other
files of the package, may propose it. A proposal is right if its first line is exactly the removed text.

Columns: other open files, tokens that must match, precision and coverage for a minimum agreement of 0, 0.5,
0.6, 0.8 and 1, and the processor time of an update and of a prediction (median/95th percentile).
"""

import importlib.util
import io
import random
import statistics
import sys
import time
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from spark_lsp.instant.copy_model import CopyModel, Cursor, Limits, Prediction

PACKAGES = ("wcmatch", "pathspec", "aiohttp", "pygls", "openai")
SEED = 2026
PLACES = 120  # of each package
MAX_FILE_CHARS = 120_000
OTHER_FILES = (0, 5, 40)
TOKENS = (6, 8, 10, 12, 16, 20)
AGREEMENTS = (0.0, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Place:
    """A position in a file, and the removed rest of its line."""

    path: Path
    offset: int
    rest: str


@dataclass(frozen=True)
class Outcome:
    """The prediction at a place, and the time that it and the update before it took."""

    place: Place
    prediction: Prediction | None
    predict_ms: float
    update_ms: float

    @property
    def is_right(self) -> bool:
        """Whether the first line is exactly the removed text."""
        found = self.prediction
        return found is not None and found.text.split("\n")[0].strip() == self.place.rest.strip()


def _list_files(package: str) -> dict[Path, str]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    texts = {path: path.read_text("utf-8") for path in sorted(Path(spec.origin).parent.rglob("*.py"))}
    return {path: text for path, text in texts.items() if 1_000 < len(text) <= MAX_FILE_CHARS}


def _find_places(path: Path, text: str) -> Iterator[Place]:
    """Yield each line of code at its indentation, and at one token in its first two thirds."""
    columns: dict[int, list[int]] = {}
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    lines = text.split("\n")
    inside: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and token.start[0] != token.end[0]:
            inside.update(range(token.start[0], token.end[0] + 1))
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.STRING):
            columns.setdefault(token.start[0], []).append(token.start[1])
    for number, found in columns.items():
        line = lines[number - 1]
        if number <= 20 or number in inside or not 8 <= len(line.strip()) <= 90:
            continue
        middle = [column for column in found[1:] if column - found[0] <= len(line.strip()) * 2 // 3]
        for column in (found[0], *middle[-1:]):
            yield Place(path, starts[number - 1] + column, line[column:])


def _measure(files: dict[Path, str], places: list[Place], others: int) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcome of each place for each number of tokens. The files stay open from place to place."""
    for path in sorted({place.path for place in places}):
        near = sorted(other for other in files if other != path)
        random.Random(f"{SEED}{path}").shuffle(near)
        base = replace(Limits(), min_agreement=0.0)
        models = {tokens: CopyModel(replace(base, min_tokens=tokens)) for tokens in TOKENS}
        model = models[TOKENS[0]]
        for other in (*near[:others], path):
            model.update(str(other), files[other])
        while model.advance(1_000_000):
            pass
        for each in models.values():
            each._documents = model._documents  # pyright: ignore[reportPrivateUsage]
        for place in (place for place in places if place.path == path):
            text = files[path]
            prefix, suffix = text[: place.offset], text[place.offset + len(place.rest) :]
            began = time.process_time()
            model.update(str(path), prefix + suffix)
            update_ms = (time.process_time() - began) * 1000
            model.advance(MAX_FILE_CHARS)
            for tokens, each in models.items():
                began = time.process_time()
                prediction = each.predict(Cursor(prefix, suffix, str(path)))
                yield tokens, Outcome(place, prediction, (time.process_time() - began) * 1000, update_ms)
            model.update(str(path), text)
            model.advance(MAX_FILE_CHARS)


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main() -> None:
    """Print a table for each number of open files."""
    packages = sys.argv[1:] or PACKAGES
    chance = random.Random(SEED)
    sets: list[tuple[dict[Path, str], list[Place]]] = []
    for package in packages:
        files = _list_files(package)
        places = [place for path, text in files.items() for place in _find_places(path, text)]
        chance.shuffle(places)
        sets.append((files, places[:PLACES]))
    for others in OTHER_FILES:
        outcomes: dict[int, list[Outcome]] = {tokens: [] for tokens in TOKENS}
        for files, places in sets:
            for tokens, outcome in _measure(files, places, others):
                outcomes[tokens].append(outcome)
        for tokens, found in outcomes.items():
            _report(others, tokens, found)


def _report(others: int, tokens: int, outcomes: list[Outcome]) -> None:
    cells: list[str] = []
    for agreement in AGREEMENTS:
        made = [each for each in outcomes if each.prediction and each.prediction.agreement >= agreement]
        right = sum(each.is_right for each in made)
        cells.append(f"{right / max(len(made), 1):4.0%} of {len(made) / len(outcomes):5.1%}")
    update, predict = [each.update_ms for each in outcomes], [each.predict_ms for each in outcomes]
    times = [f"{statistics.median(each):.2f}/{_percentile(each, 0.95):.2f} ms" for each in (update, predict)]
    sys.stdout.write(" | ".join(map(str, (others, tokens, *cells, *times))) + "\n")


if __name__ == "__main__":
    main()
