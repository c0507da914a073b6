"""Runs code from a model in a separate process, with limits, and without the means to do harm.

The process has an empty environment, an empty directory, isolated mode (`-I -S`), limits on processor time,
memory, file size and processes where the system has them, and a wall-clock limit. Before the code runs, it
sets an audit hook that refuses to write files, start programs and open sockets. This protects against
accidents, such as a completion that deletes files instead of listing them; it is not a jail for an attacker.
The tested code comes from a public set of tasks and from the model's single lines.
"""

import subprocess
from enum import StrEnum
from tempfile import TemporaryDirectory

from spark_lsp import programs

SECONDS = 10.0
MEGABYTES = 1024

_GUARD = """
import sys
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
_limits({seconds}, {size})
source = sys.stdin.read()
sys.addaudithook(_hook)
try:
    program = compile(source, "<answer>", "exec")
except SyntaxError:
    sys.exit(3)
try:
    exec(program, {{"__name__": "__answer__"}})
except AssertionError:
    sys.exit(4)
except MemoryError:
    sys.exit(6)
except BaseException:
    sys.exit(5)
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


_VERDICTS = {0: Verdict.PASSED, 3: Verdict.SYNTAX, 4: Verdict.WRONG, 5: Verdict.RAISED, 6: Verdict.MEMORY}


def judge(source: str, seconds: float = SECONDS, megabytes: int = MEGABYTES) -> Verdict:
    """Run a program and return its outcome; its output is discarded."""
    guard = _GUARD.format(seconds=max(1, int(seconds)), size=megabytes << 20)
    with TemporaryDirectory(prefix="spark-lsp-sandbox-") as folder:
        try:
            done = programs.run(
                programs.python("-I", "-S", "-X", "utf8", "-c", guard),
                input=source.encode("utf-8", "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={},
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return Verdict.TIME
    return _VERDICTS.get(done.returncode, Verdict.KILLED)
