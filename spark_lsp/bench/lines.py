"""Figures 19 to 22: lines of real packages that ghost text completes exactly, through all processes.

Each place (`bench.places`) is a line of code that is missing from a file of an installed package. The suite
requests it twice: *at once*, when the file has just been opened, and *settled*, after the cursor has rested
there for ten seconds. The baseline in the same run is the same model with a bare prompt
(`bench.bare_prompt`). The answer is in no file of the workspace.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import anyio

from spark_lsp.bench.bare_prompt import ORDERS, start_bare_model
from spark_lsp.bench.figures import Figure, at_least, at_most, measured
from spark_lsp.bench.memory import private
from spark_lsp.bench.places import Place, copy_packages, read_places
from spark_lsp.bench.quality import CONFIGURATION
from spark_lsp.client.answers import Suggestion
from spark_lsp.client.editor import Editor, editing
from spark_lsp.errors import SparkError
from spark_lsp.models import registry

SETTLE_S = 10.0
AT_ONCE = "at once"
SETTLED = "settled"
MODES = (AT_ONCE, SETTLED)
_MIN_GAIN_POINTS = 8.0
_MAX_EMPTY_PERCENT = 2.0
_MAX_COLD_S = 1.0
_MAX_COLD_P95_S = 2.0
_MAX_WARM_MS = 250
_MAX_WARM_P95_MS = 600


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `mode` is a mode of spark-lsp or an order of the bare prompt."""

    place: Place
    mode: str
    text: str
    seconds: float
    reason: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether the line is the original's."""
        return self.place.is_exact(self.text)


def run(
    model: str = registry.AUTO,
    limit: int = 0,
    details: Path | None = None,
    settle_s: float = SETTLE_S,
) -> list[Figure]:
    """Measure a model at all places, or at the first `limit`; write each answer to the file `details`."""
    places = read_places(limit)
    answers = anyio.run(_run, places, registry.find(model).name, settle_s)
    if details is not None:
        details.write_text("".join(_format_line(answer) for answer in answers), "utf-8")
    return figures(answers)


def figures(answers: list[Answer]) -> list[Figure]:
    """Return the shares of exact and empty lines, and the times of the answers."""
    exact = {mode: _percents(answers, mode) for mode in (*MODES, *ORDERS)}
    best = max(ORDERS, key=lambda order: sum(exact[order]))
    bare = exact[best]
    base = sum(bare) / len(bare)
    cold = [answer.seconds for answer in answers if answer.mode == AT_ONCE]
    warm = [answer.seconds * 1e3 for answer in answers if answer.mode == SETTLED]
    empty = [100.0 * (not answer.text.strip()) for answer in answers if answer.mode == SETTLED]
    other = next(order for order in ORDERS if order != best)
    return [
        measured(19, f"lines completed exactly by the bare prompt, {other}", "%", _mean(exact[other])),
        at_least(
            19,
            f"lines completed exactly, settled; baseline: bare prompt, {best}",
            "%",
            exact[SETTLED],
            base + _MIN_GAIN_POINTS,
            bare,
        ),
        at_least(19, "lines completed exactly, at once; same baseline", "%", exact[AT_ONCE], base, bare),
        at_most(20, "no suggestion, settled", "%", _mean(empty), _MAX_EMPTY_PERCENT),
        at_most(21, "an answer in a file just opened (p50)", "s", cold, _MAX_COLD_S),
        at_most(21, "an answer in a file just opened (p95)", "s", cold, _MAX_COLD_P95_S, share=95),
        at_most(22, "an answer at a cursor that rested (p50)", "ms", warm, _MAX_WARM_MS),
        at_most(22, "an answer at a cursor that rested (p95)", "ms", warm, _MAX_WARM_P95_MS, share=95),
    ]


def _percents(answers: list[Answer], mode: str) -> list[float]:
    return [100.0 * answer.is_exact for answer in answers if answer.mode == mode]


def _mean(values: list[float]) -> list[float]:
    return [sum(values) / len(values)]


async def _run(places: list[Place], model: str, settle_s: float) -> list[Answer]:
    answers: list[Answer] = []
    with private(CONFIGURATION.format(model)) as (environment, where):
        copy_packages(places, where)
        async with editing({}, where, env=environment) as editor:
            await _start_engine(editor, where)
            for place in places:
                for mode, seconds in zip(MODES, (0.0, settle_s), strict=True):
                    answers.append(await ask_for_line(editor, where, place, mode, seconds))
    async with start_bare_model(model) as bare:
        for place in places:
            for order in ORDERS:
                begun = time.monotonic()
                text = await bare.complete(place, order)
                answers.append(Answer(place, order, text, time.monotonic() - begun))
    return answers


async def _start_engine(editor: Editor, where: Path) -> None:
    """Load the model, which is not what this suite measures."""
    uri = (where / "start.py").as_uri()
    editor.open(uri, "x = 1\ny = ", "python")
    await editor.complete(uri, len("x = 1\ny = "))
    editor.close(uri)


async def ask_for_line(editor: Editor, where: Path, place: Place, mode: str, rest_s: float) -> Answer:
    """Ask for the line of a place, after the cursor has rested there for `rest_s` seconds."""
    uri = (where / place.package / place.path).as_uri()
    editor.open(uri, place.text, "python")
    try:
        if rest_s:
            await editor.move_cursor(uri, len(place.before))
            await anyio.sleep(rest_s)
        begun = time.monotonic()
        found = await editor.complete(uri, len(place.before))
        seconds = time.monotonic() - begun
    finally:
        editor.close(uri)
    _require_engine(editor)
    return Answer(place, mode, _inserted_line(place, found), seconds, found.reason)


def _inserted_line(place: Place, found: Suggestion) -> str:
    """Return the rest of the cursor's line after the suggestion was accepted, and the lines that it adds."""
    start = len(place.before)
    return place.text[found.start : start] + found.text if found.text else ""


def _require_engine(editor: Editor) -> None:
    if editor.status.state in ("off", "degraded"):
        raise SparkError(f"The engine does not answer: {editor.status.reason}", "Nothing can be measured")


def _format_line(answer: Answer) -> str:
    place = answer.place
    verdict = "exact" if answer.is_exact else "other" if answer.text.strip() else "empty"
    where = f"{place.package}/{place.path}:{place.line}"
    said = answer.text or answer.reason
    return f"{where}\t{answer.mode}\t{verdict}\t{answer.seconds:.2f} s\t{said!r}\t{place.rest!r}\n"
