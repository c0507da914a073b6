"""Success against duration: our sets of tasks on several engines, each figure with its error.

`spark-lsp bench frontier` answers whether a faster engine is good enough. Each engine attempts the same edits
(`bench.edit_tasks`) and completes the same lines (`bench.quality` with --data, else `bench.places`), through
all processes. For each engine, the suite also computes the same answers at the pace of a simulated wafer:
their quality is that of the engine's own model, not of a model that such a machine would run, and they are
marked. `bench.frontier_points` has the arithmetic.
"""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import msgspec

from spark_lsp.bench import edits, lines, quality
from spark_lsp.bench.edit_tasks import EditTask, TaskFile
from spark_lsp.bench.edits import Outcome
from spark_lsp.bench.figures import NO_TARGET, Figure
from spark_lsp.bench.frontier_engines import Candidate, choose_candidates
from spark_lsp.bench.frontier_plot import draw_frontier
from spark_lsp.bench.frontier_points import (
    Comparison,
    Point,
    Series,
    Trial,
    compare,
    simulate_pace,
    summarize,
)
from spark_lsp.bench.gateway_counts import read_counts
from spark_lsp.bench.memory import private
from spark_lsp.bench.places import Place, copy_packages, read_places
from spark_lsp.bench.sandbox import Verdict
from spark_lsp.bench.tasks import InfillingTask, read_tasks
from spark_lsp.budget.prices import Price
from spark_lsp.client.editor import Editor, editing
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.request import Task

EDITS, LINES, INFILLING = "edits", "lines", "infilling"
PROFILES = ("codex-spark",)
NUMBER = 30  # of the figures in docs/reference/performance.md

Attempt = Callable[[Editor], Awaitable[tuple[bool, float]]]
"""Attempts one task; returns whether it is solved, and the seconds that a user would have waited."""


@dataclass(frozen=True, slots=True)
class TaskSet:
    """A set of tasks: `task` is the gateway's name of its requests, `attempts` are by the task's id."""

    name: str
    task: str
    attempts: Mapping[str, Attempt]


def run(
    data: Path | None = None,
    limit: int = 0,
    details: Path | None = None,
    engines: Sequence[str] = (),
    efforts: Sequence[str] = (),
    profiles: Sequence[str] = PROFILES,
    prices: Mapping[str, Price] | None = None,
    plot: Path | None = None,
) -> list[Figure]:
    """Measure engines on `limit` tasks of each set, or on all, and compute them at each wafer's pace.

    Writes each attempt to the file `details`, and a picture to the file `plot`.
    """
    wafers = [wafer_of(name, {}) for name in profiles]
    measured: list[Series] = []
    for candidate in choose_candidates(engines, efforts, prices):
        measured += anyio.run(_measure_engine, candidate, data, limit)
        if details is not None:  # after each engine, so that an interrupted run keeps its results
            details.write_bytes(msgspec.json.format(msgspec.json.encode(measured)))
    found = [*measured, *(simulate_pace(each, wafer) for wafer in wafers for each in measured)]
    if plot is not None:
        draw_frontier(summarize(found), plot)
    return to_figures(found)


async def _measure_engine(candidate: Candidate, data: Path | None, limit: int) -> list[Series]:
    found: list[Series] = []
    with private(candidate.configuration) as (environment, where):
        async with editing(candidate.settings, where, env={**environment, **candidate.environment}) as editor:
            await _load_engine(editor, where)
            for tasks in (_edit_tasks(where, limit), _infilling_tasks(where, data, limit)):
                trials = [
                    await _try(editor, where / "run", tasks.task, name, attempt)
                    async for name, attempt in _with_progress(candidate, tasks)
                ]
                found.append(Series(candidate.name, tasks.name, tuple(trials), candidate.price))
    return found


async def _load_engine(editor: Editor, where: Path) -> None:
    """Load the model; this suite does not measure that."""
    uri, text = (where / "start.py").as_uri(), "x = 1\ny = "
    editor.open(uri, text, "python")
    await editor.complete(uri, len(text))
    editor.close(uri)


async def _with_progress(candidate: Candidate, tasks: TaskSet) -> AsyncGenerator[tuple[str, Attempt]]:
    """Give each task, and show the progress on a terminal."""
    shown = sys.stderr.isatty()
    for number, (name, attempt) in enumerate(tasks.attempts.items()):
        if shown:
            sys.stderr.write(f"\r\x1b[K{candidate.name}: {tasks.name} {number + 1} of {len(tasks.attempts)}")
            sys.stderr.flush()
        yield name, attempt
    if shown:
        sys.stderr.write("\r\x1b[K")


async def _try(editor: Editor, runtime: Path, task: str, name: str, attempt: Attempt) -> Trial:
    before = read_counts(runtime, task)
    solved, seconds = await attempt(editor)
    used = read_counts(runtime, task) - before
    return Trial(name, solved, seconds, min(used.engine_s, seconds), used.tokens)


def _edit_tasks(where: Path, limit: int) -> TaskSet:
    def make(file: TaskFile, task: EditTask) -> Attempt:
        async def attempt(editor: Editor) -> tuple[bool, float]:
            found = await edits.attempt_edit(editor, where, file, task)
            return found.outcome is Outcome.SOLVED, found.seconds

        return attempt

    chosen = edits.choose_tasks(limit)
    return TaskSet(EDITS, Task.EDIT.value, {task.id: make(file, task) for file, task in chosen})


def _infilling_tasks(where: Path, data: Path | None, limit: int) -> TaskSet:
    return _line_tasks(where, limit) if data is None else _program_tasks(data, limit)


def _program_tasks(data: Path, limit: int) -> TaskSet:
    def make(task: InfillingTask, number: int) -> Attempt:
        async def attempt(editor: Editor) -> tuple[bool, float]:
            found = await quality.attempt_infilling(editor, task, number)
            return found.verdict == Verdict.PASSED, found.seconds

        return attempt

    chosen = enumerate(read_tasks(data, limit))
    return TaskSet(INFILLING, Task.COMPLETE.value, {task.task_id: make(task, at) for at, task in chosen})


def _line_tasks(where: Path, limit: int) -> TaskSet:
    def make(place: Place) -> Attempt:
        async def attempt(editor: Editor) -> tuple[bool, float]:
            found = await lines.ask_for_line(editor, where, place, lines.AT_ONCE, 0.0)
            return found.is_exact, found.seconds

        return attempt

    places = read_places(limit)
    copy_packages(places, where)
    attempts = {f"{each.package}/{each.path}:{each.line}": make(each) for each in places}
    return TaskSet(LINES, Task.COMPLETE.value, attempts)


def to_figures(measured: Sequence[Series]) -> list[Figure]:
    """Return the points and the comparisons as figures, with their intervals as the spread."""
    points = [figure for point in summarize(measured) for figure in _figures_of(point)]
    return [*points, *(_figure_of(each) for each in compare(measured))]


def _figures_of(point: Point) -> list[Figure]:
    mark = " (simulated pace)" if point.simulated else ""
    name = f"{point.tasks}, {point.engine}{mark}"
    best = "; no faster engine solves as many" if point.best else ""
    found = [
        _measured(f"solved: {name}{best}", point.solved, "%", point.solved_range, point.count),
        _measured(f"p50 of the wait: {name}", point.seconds, "s", point.seconds_range, point.count),
    ]
    if point.cost is not None:
        limits = (point.cost, point.cost)
        unit = point.currency or "(free)"
        found.append(_measured(f"100 tasks cost: {name}", point.cost, unit, limits, point.count))
    return found


def _figure_of(each: Comparison) -> Figure:
    mark = ", simulated pace" if each.simulated else ""
    name = (
        f"{each.tasks}: {each.faster} instead of {each.slower}, points of success; "
        f"{each.speed_up:.3g} times as fast{mark}"
    )
    return _measured(name, each.difference, "points", each.difference_range, each.count)


def _measured(name: str, value: float, unit: str, limits: tuple[float, float], count: int) -> Figure:
    return Figure(NUMBER, name, value, unit, None, None, NO_TARGET, True, count, limits)
