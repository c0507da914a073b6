"""Figures 23 to 26: the share of edits that code actions solve, through all processes.

For each task (`bench.edit_tasks`), the suite opens the file in the real language server, runs a code action
on the selected lines, and checks the text afterwards (`bench.edit_checks`). If the server offers the action
of the task's kind, the suite uses that; otherwise it sends the instruction. The baseline in the same run is
the same engine with a plain prompt (`bench.plain_edit`). Each way gets one greedy answer for each task.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from spark_lsp.bench.edit_checks import check_answer
from spark_lsp.bench.edit_programs import needs_node, node_command
from spark_lsp.bench.edit_tasks import EditTask, TaskFile, read_task_files
from spark_lsp.bench.figures import Figure, at_least, at_most, measured
from spark_lsp.bench.memory import private
from spark_lsp.bench.plain_edit import PlainEngine, apply_answer, build_prompt, plain_engine
from spark_lsp.bench.quality import CONFIGURATION
from spark_lsp.client.answers import lsp_range
from spark_lsp.client.editor import INSTRUCT, Editor, editing
from spark_lsp.errors import EngineError, SparkError
from spark_lsp.models import registry

OURS = "spark-lsp"
PLAIN = "plain prompt"
MIN_GAIN_PERCENT = 20.0  # points more than the plain prompt
MAX_DAMAGE_PERCENT = 1.0
MAX_REFUSED_PERCENT = 35.0  # measured with the 0.5B model: 33


class Outcome(StrEnum):
    """How an attempt ended; the values are the printed texts."""

    SOLVED = "solved"
    WRONG = "wrong"  # applied, and no other text was harmed
    DAMAGE = "damage"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task; `why` is a code, or the first failed check."""

    file: TaskFile
    task: EditTask
    way: str
    outcome: Outcome
    seconds: float
    why: str = ""
    after: str = ""


def run(model: str = registry.AUTO, limit: int = 0, details: Path | None = None) -> list[Figure]:
    """Measure a model on all tasks, or on `limit` of them; write each attempt to the file `details`."""
    tasks = choose_tasks(limit)
    attempts = measure(tasks, CONFIGURATION.format(registry.find(model).name))
    if details is not None:
        details.write_text(format_details(attempts), "utf-8")
    return figures(attempts)


def choose_tasks(limit: int = 0) -> list[tuple[TaskFile, EditTask]]:
    """Return the tasks that can be checked here: the first of each file, then the second, and so on."""
    files = [file for file in read_task_files() if not needs_node(file.language) or node_command()]
    ordered = sorted((number, place) for place, file in enumerate(files) for number in range(len(file.task)))
    return [(files[place], files[place].task[number]) for number, place in ordered][: limit or None]


def measure(tasks: Sequence[tuple[TaskFile, EditTask]], configuration: str) -> list[Attempt]:
    """Attempt each task in both ways, with the engine of a config.toml."""
    return anyio.run(_measure, tasks, configuration)


async def _measure(tasks: Sequence[tuple[TaskFile, EditTask]], configuration: str) -> list[Attempt]:
    attempts: list[Attempt] = []
    with private(configuration) as (environment, where):
        async with editing({}, where, env=environment) as editor:
            await _start_gateway(editor, where)
            async with plain_engine(where / "run") as plain:
                await plain.ask("Say yes.", max_tokens=1)  # loads the model
                for file, task in tasks:
                    attempts.append(await attempt_edit(editor, where, file, task))
                    attempts.append(await _attempt_plain(plain, file, task))
    return attempts


async def _start_gateway(editor: Editor, where: Path) -> None:
    uri = (where / "start.py").as_uri()
    editor.open(uri, "x = 1\n", "python")
    await editor.complete(uri, 0)
    editor.close(uri)


async def attempt_edit(editor: Editor, where: Path, file: TaskFile, task: EditTask) -> Attempt:
    """Run the code action of a task in an editor, and check the text afterwards."""
    uri = (where / file.name).as_uri()
    editor.open(uri, file.source, file.language)
    start, end = file.selection(task)
    problems = _diagnostics(editor, uri, file, task)
    begun = time.monotonic()
    try:
        offered = {each["action"] for each in await editor.actions(uri, start, end, problems)}
        action = task.action if task.action in offered else INSTRUCT
        done = await editor.edit(uri, start, end, action, task.instruction, diagnostics=problems)
    finally:
        editor.close(uri)
    seconds = time.monotonic() - begun
    if done.state != "applied":
        _require_engine(editor)
        outcome = Outcome.REFUSED if done.state == "refused" else Outcome.FAILED
        return Attempt(file, task, OURS, outcome, seconds, done.code, done.after)
    return await _judge(file, task, OURS, seconds, done.after)


async def _attempt_plain(plain: PlainEngine, file: TaskFile, task: EditTask) -> Attempt:
    begun = time.monotonic()
    try:
        answer = await plain.ask(build_prompt(file, task))
    except EngineError as error:
        return Attempt(file, task, PLAIN, Outcome.FAILED, time.monotonic() - begun, error.code)
    seconds = time.monotonic() - begun
    return await _judge(file, task, PLAIN, seconds, apply_answer(file, task, answer))


async def _judge(file: TaskFile, task: EditTask, way: str, seconds: float, after: str) -> Attempt:
    findings = await anyio.to_thread.run_sync(check_answer, file, task, after)
    if findings.is_right:
        return Attempt(file, task, way, Outcome.SOLVED, seconds, "", after)
    outcome = Outcome.DAMAGE if findings.damage else Outcome.WRONG
    why = "; ".join(findings.damage or (f"{group}: {text}" for group, text in findings.failed.items()))
    return Attempt(file, task, way, outcome, seconds, why, after)


def _diagnostics(editor: Editor, uri: str, file: TaskFile, task: EditTask) -> list[dict[str, Any]]:
    if task.diagnostic is None:
        return []
    start = file.source.index(task.diagnostic.at, file.selection(task)[0])
    span = lsp_range(editor.documents[uri], start, start + len(task.diagnostic.at), editor.encoding)
    fields = {"message": task.diagnostic.message, "code": task.diagnostic.code}
    return [{"range": span, "severity": 1, "source": task.diagnostic.source, **fields}]


def _require_engine(editor: Editor) -> None:
    if editor.status.state in ("off", "degraded"):
        raise SparkError(f"The engine does not answer: {editor.status.reason}", "Nothing can be measured")


def figures(attempts: Sequence[Attempt]) -> list[Figure]:
    """Return the shares of solved, damaging and refused edits, the times, and the shares by kind."""
    ours, plain = _of(attempts, OURS), _of(attempts, PLAIN)
    solved, base = _percents(ours, Outcome.SOLVED), _percents(plain, Outcome.SOLVED)
    either = [max(pair) for pair in zip(solved, base, strict=True)]
    damage, refused = _mean(_percents(ours, Outcome.DAMAGE)), _mean(_percents(ours, Outcome.REFUSED))
    name = f"edits solved; baseline: {PLAIN}"
    seconds = [[each.seconds for each in some] for some in (ours, plain)]
    kinds = [
        measured(23, f"{name}; {kind} (n={len(_of(ours, OURS, kind))})", "%", *_by_kind(attempts, kind))
        for kind in sorted({each.task.kind for each in attempts})
    ]
    return [
        at_least(23, name, "%", solved, _mean(base)[0] + MIN_GAIN_PERCENT, base),
        measured(23, "edits that at least one of both ways solves", "%", _mean(either)),
        at_most(
            24,
            f"edits that damage the file; baseline: {PLAIN}",
            "%",
            damage,
            MAX_DAMAGE_PERCENT,
            _mean(_percents(plain, Outcome.DAMAGE)),
        ),
        at_most(25, "edits refused, with a reason", "%", refused, MAX_REFUSED_PERCENT),
        measured(26, f"an edit (p50); baseline: {PLAIN}", "s", *seconds),
        *kinds,
    ]


def _of(attempts: Sequence[Attempt], way: str, kind: str = "") -> list[Attempt]:
    return [each for each in attempts if each.way == way and kind in ("", each.task.kind)]


def _percents(attempts: Sequence[Attempt], outcome: Outcome) -> list[float]:
    return [100.0 * (each.outcome is outcome) for each in attempts]


def _mean(values: Sequence[float]) -> list[float]:
    return [sum(values) / len(values)]


def _by_kind(attempts: Sequence[Attempt], kind: str) -> list[list[float]]:
    return [_mean(_percents(_of(attempts, way, kind), Outcome.SOLVED)) for way in (OURS, PLAIN)]


def format_details(attempts: Sequence[Attempt]) -> str:
    """Return one line for each attempt, and a table of the outcomes by kind."""
    lines = [_format_attempt(each) for each in attempts]
    return "\n".join([*lines, "", *_format_table(attempts), ""])


def _format_attempt(attempt: Attempt) -> str:
    start, _ = attempt.file.lines_of(attempt.task)
    rest = len(attempt.file.source) - attempt.file.lines_of(attempt.task)[1]
    changed = attempt.after[start : len(attempt.after) - rest]
    fields = (attempt.task.id, attempt.task.kind, attempt.way, attempt.outcome, f"{attempt.seconds:.2f} s")
    return "\t".join([*fields, attempt.why, repr(changed)])


def _format_table(attempts: Sequence[Attempt]) -> list[str]:
    head = ["| kind | way | tasks | " + " | ".join(Outcome) + " |", "|---|---|---|" + "---|" * len(Outcome)]
    kinds = ["", *sorted({each.task.kind for each in attempts})]
    return head + [
        _format_row(_of(attempts, way, kind), kind, way) for kind in kinds for way in (OURS, PLAIN)
    ]


def _format_row(attempts: Sequence[Attempt], kind: str, way: str) -> str:
    counts = [sum(each.outcome is outcome for each in attempts) for outcome in Outcome]
    return f"| {kind or 'all'} | {way} | {len(attempts)} | " + " | ".join(map(str, counts)) + " |"
