"""Figure 14: the simulated wafer's text at an editor, against the schedule of the simulated machine.

Measured through all processes: a replay provides 1,440 tokens at once, the wafer plays them at 1,000, 2,000
or 4,000 tokens per second in the gateway's process, the language server shows them as growing ghost text, and
the client records the arrival of each text. The machine's schedule is known, so every text has a due time.
*Pacing* compares the pace of the arriving texts with the schedule's, by a straight line through all texts of
a stream: only the first text is not held back and gathered with others, so the time from it to the last would
count the gathering time as pace. A text's *lag* is the time from its due time to its arrival, including the
way through three processes; *backlog* is the growth of the lag from a stream's first quarter to its last.
"""

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import linear_regression

import anyio

from spark_lsp.bench.figures import Figure, at_least, at_most, median
from spark_lsp.bench.memory import private
from spark_lsp.client.editor import Editor, editing
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.errors import SparkError
from spark_lsp.simulate.wafer import Wafer, schedule

SPEEDS = (1000, 2000, 4000)
PROFILE = "codex-spark"
LINES, WIDTH = 60, 96
WAIT_S = 30.0
CONFIGURATION = """\
[engines.text]
kind = "replay"
text = "text.txt"
tokens_per_s = 0
delay_ms = 0
[engines.wafer]
kind = "wafer"
profile = "{profile}"
source = "text"
tokens_per_s = {speed}
[routes]
completion = ["wafer"]
edit = ["text"]
"""
DOCUMENT = "def values():\n    "


@dataclass(frozen=True, slots=True)
class Seen:
    """One stream: the due time of each text, and its lag, in seconds."""

    due: tuple[float, ...]
    lags: tuple[float, ...]

    @property
    def pacing_error(self) -> float:
        """The difference between the pace of arrival and the schedule's, in percent."""
        slope, _ = linear_regression(self.due, self.lags)
        return abs(slope) * 100

    @property
    def backlog_ms(self) -> float:
        """The growth of the lag from the first quarter of the stream's texts to the last; at least 0."""
        quarter = max(len(self.lags) // 4, 1)
        return max(median(self.lags[-quarter:]) - median(self.lags[:quarter]), 0.0) * 1e3


def run(rounds: int = 7) -> list[Figure]:
    """Measure `rounds` streams at each speed."""
    return [figure for speed in SPEEDS for figure in _figures(speed, anyio.run(_streams, speed, rounds))]


def _figures(speed: int, streams: list[Seen]) -> list[Figure]:
    earliest = min(lag for seen in streams for lag in seen.lags) * 1e3
    name = f"simulated wafer at {speed:,} tokens/s through to the editor"
    errors = [seen.pacing_error for seen in streams]
    return [
        at_most(14, f"{name}: pacing error", "%", errors, 1),
        at_most(14, f"{name}: backlog", "ms", [seen.backlog_ms for seen in streams], 10),
        at_least(14, f"{name}: the earliest text, after its due time", "ms", [earliest], 0),
    ]


async def _streams(speed: int, rounds: int) -> list[Seen]:
    machine = wafer_of(PROFILE, {}).at(speed)
    configuration = CONFIGURATION.format(profile=PROFILE, speed=speed)
    with private(configuration) as (environment, where):
        (where / "text.txt").write_text(answer(), encoding="utf-8")
        async with editing({}, where, growing=True, env=environment) as editor:
            await _stream(editor, where, 0, machine)  # starts the gateway; does not count
            return [await _stream(editor, where, number + 1, machine) for number in range(rounds)]


def answer() -> str:
    """Return lines that ghost text shows to their end: none repeats, none leaves the block."""
    names = [f"value_{number:03} = " for number in range(LINES)]
    lines = [f"{name}{'x' * (WIDTH - len(name) - 5)}" for name in names]
    return "\n    ".join(lines)


async def _stream(editor: Editor, where: Path, number: int, machine: Wafer) -> Seen:
    uri = (where / f"values{number}.py").as_uri()
    editor.open(uri, DOCUMENT, "python")
    heard = list[tuple[float, int]]()
    editor.on_growth = lambda text, done: heard.append((time.monotonic(), len(text)))
    asked = time.monotonic()
    found = await editor.complete(uri, len(DOCUMENT))
    found = await editor.wait_for_growth(found, WAIT_S)
    editor.close(uri)
    if not heard or heard[-1][1] < len(answer()):
        raise SparkError(f"The simulated stream was not complete: {found.reason}", "It cannot be measured")
    return _compare_pace(asked, heard, machine)


def _compare_pace(asked: float, heard: list[tuple[float, int]], machine: Wafer) -> Seen:
    first = machine.overhead_s  # and the prompt's five tokens, which take microseconds
    offsets = list(islice(schedule(machine, 1, 0), -(-heard[-1][1] // 4)))
    due = [offsets[-(-characters // 4) - 1] for _, characters in heard]
    lags = tuple(at - asked - first - offset for (at, _), offset in zip(heard, due, strict=True))
    return Seen(tuple(due), lags)
