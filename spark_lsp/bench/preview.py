"""Figures 27 and 28: an edit of 60 lines on the simulated wafer, at an editor that shows previews.

Measured through all processes: a replay provides the rewritten function at once, the wafer plays it at 1,000
tokens per second in the gateway's process, and the language server sends the hunks of the growing answer. The
command's time is that of `spark.edit`. The machine's schedule gives the time at which the first token is due.
"""

import time
from typing import Any

import anyio

from spark_lsp.bench.figures import Figure, at_most
from spark_lsp.bench.memory import private
from spark_lsp.bench.wafer import CONFIGURATION, PROFILE
from spark_lsp.client.editor import INSTRUCT, Editor, editing
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.errors import SparkError
from spark_lsp.simulate.wafer import Wafer, schedule

SPEED = 1000
LINES = 60
MAX_SECONDS, MAX_FIRST_MS = 1.0, 100.0
EDIT_S = 30.0
CHARACTERS_PER_TOKEN = 4
HEAD = "def values(base):\n"
OLD = HEAD + "".join(f"    value_{n:02} = base + {n}  # the old way\n" for n in range(LINES - 1))
NEW = HEAD + "".join(f"    value_{n:02} = max(base, {n}) - base\n" for n in range(LINES - 1))


def run(rounds: int = 9) -> list[Figure]:
    """Measure `rounds` edits."""
    return _figures(anyio.run(_edits, rounds))


def _figures(edits: list[tuple[float, float]]) -> list[Figure]:
    name = f"a rewrite of {LINES} lines, simulated wafer at {SPEED:,} tokens/s"
    first = [each[0] * 1e3 for each in edits]
    return [
        at_most(
            27, f"{name}: from the command to its last line", "s", [each[1] for each in edits], MAX_SECONDS
        ),
        at_most(28, f"{name}: first hunk, after the first token is due", "ms", first, MAX_FIRST_MS),
    ]


async def _edits(rounds: int) -> list[tuple[float, float]]:
    machine = wafer_of(PROFILE, {}).at(SPEED)
    configuration = CONFIGURATION.format(profile=PROFILE, speed=SPEED).replace(
        'edit = ["text"]', 'edit = ["wafer"]'
    )
    with private(configuration) as (environment, where):
        (where / "text.txt").write_text(f"```python\n{NEW}```\n", encoding="utf-8")
        uri = (where / "values.py").as_uri()
        async with editing({}, where, previews=True, env=environment) as editor:
            await _edit(editor, f"{uri}.py", machine)  # starts the gateway; does not count
            return [await _edit(editor, f"{uri}.{number}.py", machine) for number in range(rounds)]


async def _edit(editor: Editor, uri: str, machine: Wafer) -> tuple[float, float]:
    """Return the seconds from the first token's due time to the first hunk, and from command to end."""
    editor.open(uri, OLD, "python")
    heard = list[tuple[float, int]]()  # the time of each preview, and its new lines

    def hear(message: dict[str, Any]) -> None:
        if message["state"] != "ended":
            heard.append((time.monotonic(), sum(len(hunk["newLines"]) for hunk in message["hunks"])))

    editor.on_preview = hear
    offered = {each["action"]: each for each in await editor.actions(uri, 0, len(OLD))}
    asked = time.monotonic()
    number = await editor.start_edit({**offered[INSTRUCT], "instruction": "use max"})
    state, reason, _ = await editor.wait_for_edit(number, EDIT_S)
    applied_at = time.monotonic()
    editor.close(uri)
    if state != "applied" or not heard:
        raise SparkError(f"The edit was not shown: {reason}", "It cannot be measured")
    read_s = machine.overhead_s + machine.prefill_s(len(OLD) // CHARACTERS_PER_TOKEN)
    first_due = asked + read_s + next(iter(schedule(machine, 1, 0)))
    # The complete edit is applied at once, even if its last lines were not in a preview yet.
    last_at = next((at for at, lines in heard if lines >= LINES - 1), applied_at)
    return heard[0][0] - first_due, last_at - asked
