"""Runs a refactoring in a child process, and returns its edits."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from spark_lsp import programs
from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

CHILD = Path(__file__).with_name("child.py")
SECONDS = 10.0
MAX_BYTES = 400 << 20  # of the child's memory
MAX_TEXT_CHARS = 200_000
NOTHING_CHANGED = "Nothing was changed"
_PASSED = ("SYSTEMROOT", "LD_LIBRARY_PATH")


async def refactor(
    action: str,
    document: Document,
    start: int,
    end: int,
    name: str,
    parameters: frozenset[str] | None = None,
) -> list[Edit]:
    """Return the edits of a refactoring of `[start, end)`. Raises `EditRefused` if it is unsafe.

    `parameters` are those that an extracted function must have.
    """
    if len(document.text) > MAX_TEXT_CHARS:
        raise _make_refusal("The file is too long for a refactoring")
    request = {"action": action, "text": document.text, "start": start, "end": end, "name": name}
    answer = await run_in_thread(_ask_child, json.dumps({**request, "bytes": MAX_BYTES}))
    if "edits" not in answer:
        raise _make_refusal(str(answer.get("refused") or "The refactoring failed"))
    edits = [Edit(*each) for each in answer["edits"]]
    if parameters is not None and parameters != _parameters_of(edits[0].new):
        raise _make_refusal("The function needs other parameters than those in the instruction")
    return edits


def _parameters_of(definition: str) -> frozenset[str]:
    """Return the parameters of a definition as `extract_function` writes it, apart from `self`."""
    inside = definition.partition("(")[2].partition(")")[0]
    return frozenset(name for each in inside.split(",") if (name := each.strip()) not in ("", "self"))


def _ask_child(request: str) -> dict[str, Any]:
    """Return the child's answer; an empty one if it fails or needs too long."""
    kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
    try:
        done = programs.run(
            programs.python("-I", "-S", "-W", "ignore", str(CHILD)),
            input=request.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=programs.NEUTRAL,
            env=kept,
            timeout=SECONDS,
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return {}


def _make_refusal(what: str) -> EditRefused:
    return EditRefused(
        what,
        NOTHING_CHANGED,
        "Select other code, or use an instruction",
        code=Code.REFACTORING_UNSAFE,
    )
