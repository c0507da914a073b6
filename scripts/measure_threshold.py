"""Measure whether the embedded model's confidence tells right lines from wrong ones, and choose a threshold.

Places in installed packages, which are not those of the suite `lines`: each is a line, or the rest of one,
that is missing from its file. The engine reads the lines around it at rest and completes the line. A line is
right if it is the original's. The table shows what each threshold would hide, and how many lines appear
before they are complete, because the model is very sure of their first tokens. The chosen threshold is the
highest that hides no right line: silence in place of a right line costs more trust than a wrong line. The
choice is checked on each package with the threshold that the other packages choose.

    python -m scripts.measure_threshold [DETAILS.jsonl [PLACES_PER_PACKAGE]]

With a file of details that exists, nothing is measured again: the table is made of it.
"""

import importlib.metadata
import json
import random
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio

from scripts.choose_lines import SEED, choose
from spark_lsp.answer_events import Chunk
from spark_lsp.bench.places import Place, read_place
from spark_lsp.config import LocalSettings
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.request import Focus, Part, PartKind, Request, Task
from spark_lsp.session.showing import EARLY_MARGIN, EARLY_REPORTS

PACKAGES = (
    "httpx",
    "httpcore",
    "pygls",
    "jedi",
    "pluggy",
    "hypothesis",
    "parso",
    "platformdirs",
    "idna",
    "h11",
)
PLACES = 9
LINES_ABOVE, LINES_BELOW = 30, 10
THRESHOLDS = [step / 20 for step in range(1, 20)]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `early` is the confidence after the first tokens, `line` that of the complete line."""

    package: str
    whole: bool
    right: bool
    chars: int
    early: float
    line: float


async def measure(count: int) -> AsyncIterator[Answer]:
    """Complete the lines of all places."""
    engine = LocalEngine("local", LocalSettings())
    await engine.start()
    chance = random.Random(SEED + 1)
    try:
        for package in PACKAGES:
            version = importlib.metadata.version(package)
            for path, line, column, digest in choose(package, chance, count):
                place = read_place(package, version, path, str(line), str(column), digest)
                if (answer := await complete(engine, place)) is not None:
                    yield answer
    finally:
        await engine.aclose()


async def complete(engine: LocalEngine, place: Place) -> Answer | None:
    """Complete one line as the language server would show it; None without a text."""
    before, after = place.window(LINES_ABOVE, LINES_BELOW)
    uri = f"file:///{place.package}/{place.path}#{place.line}"
    engine.observe(Focus(uri, "python", before + after, len(before)))
    await engine.idle()
    parts = (Part(PartKind.PREFIX, before), Part(PartKind.SUFFIX, after))
    request = Request(Task.COMPLETE, parts, language="python", max_lines=1, origin=uri, scored=True)
    ghost = GhostText(before + after, len(before), "python", max_lines=1)
    said: list[float] = []
    async with engine.open(request) as events:
        async for event in events:
            if isinstance(event, Chunk):
                ghost.feed(event.text)
                if event.confidence is not None:
                    said.append(event.confidence)
    text = ghost.finish()
    if not text or not said:
        return None
    early = said[min(EARLY_REPORTS, len(said)) - 1]
    return Answer(place.package, place.is_whole_line, place.is_exact(text), len(text), early, said[-1])


def is_early(answer: Answer, threshold: float) -> bool:
    """Tell whether the gate shows a line before it is complete."""
    return answer.early >= threshold + EARLY_MARGIN


def hidden(answers: Sequence[Answer], threshold: float, *, right: bool) -> float:
    """Return the share of the right, or of the wrong, lines that a threshold hides."""
    group = [each for each in answers if each.right is right]
    return sum(is_hidden(each, threshold) for each in group) / max(len(group), 1)


def is_hidden(answer: Answer, threshold: float) -> bool:
    """Tell whether the gate hides a line."""
    return answer.line < threshold and not is_early(answer, threshold)


def choose_threshold(answers: Sequence[Answer]) -> float:
    """Return the highest threshold that hides no right line, or 0."""
    return max((each for each in THRESHOLDS if not hidden(answers, each, right=True)), default=0.0)


def report(answers: Sequence[Answer]) -> None:
    """Print the table, the choice and its check."""
    right = sum(each.right for each in answers)
    print(f"{len(answers)} lines, {right} right, {len(answers) - right} wrong\n")
    print("| threshold | wrong lines hidden | right lines hidden | lines shown early |\n|---|---|---|---|")
    for threshold in THRESHOLDS:
        wrong, lost = (hidden(answers, threshold, right=side) for side in (False, True))
        early = sum(is_early(each, threshold) for each in answers) / len(answers)
        print(f"| {threshold:.2f} | {wrong:.0%} | {lost:.0%} | {early:.0%} |")
    print(f"\nchosen: {choose_threshold(answers):.2f}")
    check(answers)


def check(answers: Sequence[Answer]) -> None:
    """Print what the threshold of the other packages hides in each package, in sum."""
    counts = {True: [0, 0], False: [0, 0]}
    chosen: list[float] = []
    for package in sorted({each.package for each in answers}):
        threshold = choose_threshold([each for each in answers if each.package != package])
        chosen.append(threshold)
        for each in answers:
            if each.package == package:
                counts[each.right][0] += is_hidden(each, threshold)
                counts[each.right][1] += 1
    print(f"chosen without one package: {', '.join(f'{each:.2f}' for each in chosen)}")
    print(
        f"hidden there: wrong {counts[False][0]} of {counts[False][1]}, "
        f"right {counts[True][0]} of {counts[True][1]}"
    )


async def main() -> None:
    """Measure, or read the details; then print the tables."""
    details = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if details is not None and details.is_file():
        answers = [Answer(**json.loads(line)) for line in details.read_text("utf-8").splitlines()]
    else:
        answers = list[Answer]()
        async for each in measure(int(sys.argv[2]) if len(sys.argv) > 2 else PLACES):
            answers.append(each)
            if details is not None:
                with details.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(each)) + "\n")
    report(answers)


if __name__ == "__main__":
    anyio.run(main)
