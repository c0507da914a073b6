"""Figure 8: from starting the process to its response to `initialize`.

Ours and stock pygls in turns, each a fresh process with warm file caches and compiled bytecode (the first
run of each does not count). Included: interpreter start, imports, one message each way.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from spark_lsp import programs
from spark_lsp.bench import stock
from spark_lsp.bench.figures import Figure, at_most_of_baseline
from spark_lsp.client.capabilities import initialize_params
from spark_lsp.client.connection import SERVE
from spark_lsp.client.framing import Framer, frame_message
from spark_lsp.errors import SparkError

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"  # unset for both: else ours alone would be compiled each time


def run(rounds: int = 15) -> list[Figure]:
    """Measure `rounds` starts of each."""
    baseline = stock.command("server")
    for command in (SERVE, baseline):
        start_ms(command)
    pairs = [(start_ms(SERVE), start_ms(baseline)) for _ in range(rounds)]
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    name = "start → initialize response, against stock pygls"
    return [at_most_of_baseline(8, name, "ms", ours, theirs, 0.95)]


def start_ms(command: Sequence[str]) -> float:
    """Start a server, send `initialize`, and return the milliseconds until it answers."""
    params = initialize_params(Path.cwd().as_uri(), {}, os.getpid(), growing=False)
    hello = frame_message({"id": 1, "method": "initialize", "params": params})
    environment = {key: value for key, value in os.environ.items() if key != NO_BYTECODE}
    pipe = subprocess.PIPE
    begun = time.perf_counter()
    with programs.start(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(hello)
            if not _has_answered(process.stdout.fileno()):
                raise _no_start(process)
            return (time.perf_counter() - begun) * 1000
        finally:
            process.kill()


def _has_answered(descriptor: int) -> bool:
    framer = Framer()
    while data := os.read(descriptor, 65536):
        if framer.feed(data):
            return True
    return False


def _no_start(process: "subprocess.Popen[bytes]") -> SparkError:
    assert process.stderr is not None
    last = process.stderr.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    return SparkError("A language server ended before it answered", f"Its last words were: {last}")
