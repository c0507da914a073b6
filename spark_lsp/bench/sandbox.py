"""Runs code from a model in a separate process, with limits, and without the means to do harm.

The process has an empty environment, an empty directory, isolated mode (`-I -S`), limits on processor time,
memory, file size and processes where the system has them, and a wall-clock limit. Before the code runs, it
sets an audit hook that refuses to write files, start programs and open sockets. This protects against
accidents, such as a completion that deletes files instead of listing them; it is not a jail for an attacker.
The tested code comes from sets of tasks and from the model's answers to them.
"""

import json
import subprocess
from collections.abc import Sequence
from enum import StrEnum
from tempfile import TemporaryDirectory

from spark_lsp import programs

SECONDS = 10.0
MEGABYTES = 1024

_GUARD = """
import json, os, sys
def _limits(seconds, size):
    try:
        import resource
    except ImportError:
        return
    for name, value in (("CPU", seconds), ("AS", size), ("FSIZE", 0), ("NPROC", 0), ("CORE", 0)):
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
def _hook(event, arguments):
    writing = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    harmful = ("socket.", "subprocess.", "os.", "shutil.", "ctypes.", "tempfile.", "urllib.", "ftplib.")
    if writing or (event.startswith(harmful) and event not in ("os.listdir", "os.scandir")):
        raise PermissionError("refused by the sandbox: " + event)
def _run(source):
    try:
        program = compile(source, "<answer>", "exec")
    except SyntaxError:
        return b"3"
    try:
        exec(program, {{"__name__": "__answer__"}})
    except AssertionError:
        return b"4"
    except MemoryError:
        return b"6"
    except BaseException:
        return b"5"
    return b"0"
_limits({seconds}, {size})
answers = os.dup(1)
nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 1)
sources = json.loads(sys.stdin.read())
write = os.write
sys.addaudithook(_hook)
for source in sources:
    write(answers, _run(source))
"""


class Verdict(StrEnum):
    """The outcome of a program; the values are the printed texts."""

    PASSED = "passed"
    SYNTAX = "does not parse"
    WRONG = "wrong result"
    RAISED = "raises an error"
    MEMORY = "needs too much memory"
    TIME = "does not end in time"
    KILLED = "was killed"


VERDICTS = {
    "0": Verdict.PASSED,
    "3": Verdict.SYNTAX,
    "4": Verdict.WRONG,
    "5": Verdict.RAISED,
    "6": Verdict.MEMORY,
}


def judge(source: str, seconds: float = SECONDS, megabytes: int = MEGABYTES) -> Verdict:
    """Run a program and return its outcome; its output is discarded."""
    return judge_all([source], seconds, megabytes)[0]


def judge_all(sources: Sequence[str], seconds: float = SECONDS, megabytes: int = MEGABYTES) -> list[Verdict]:
    """Run programs one after the other in one process, which they must not leave, and return the outcomes.

    `seconds` limits all of them together.
    """
    guard = _GUARD.format(seconds=max(1, int(seconds)), size=megabytes << 20)
    command = programs.python("-I", "-S", "-X", "utf8", "-c", guard)
    return run_judge(command, json.dumps(list(sources)), len(sources), seconds)


def run_judge(command: Sequence[str], given: str, count: int, seconds: float) -> list[Verdict]:
    """Run a command that reads `given` and prints a digit for each of `count` programs."""
    with TemporaryDirectory(prefix="spark-lsp-sandbox-") as folder:
        try:
            done = programs.run(
                command,
                input=given.encode("utf-8", "replace"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={},
                timeout=seconds,
            )
            printed, rest = done.stdout, Verdict.KILLED
        except subprocess.TimeoutExpired as error:
            printed, rest = error.stdout or b"", Verdict.TIME
    found = [VERDICTS.get(digit, Verdict.KILLED) for digit in printed.decode("ascii", "replace")]
    return [*found[:count], *[rest] * (count - len(found))]
