"""Figure 6: one keystroke's change of a document, ours against pygls' document.

Ours includes: both positions converted to offsets, the splice with its line index, the scan for secrets
in the line, and the delta for the gateway's mirror as the JSON text for the socket. The hash is not
included: it is computed once, after a rest, and has a separate figure. Baseline: pygls 2's
`TextDocument.apply_change`, which produces no delta. Both exclude reading the message from the pipe and its
JSON.
"""

import subprocess
import textwrap
import time
from pathlib import Path

import msgspec

from spark_lsp import programs
from spark_lsp.bench import stock
from spark_lsp.bench.figures import Figure, at_most, median
from spark_lsp.bench.typing import Keys, keys
from spark_lsp.errors import SparkError
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.positions import Encoding, to_offset
from spark_lsp.wire.client import ClientConnection
from spark_lsp.wire.replica_store import digest

SIZES = ((5_000, 30.0), (50_000, 400.0))  # lines, limit in µs


def run(rounds: int = 7, count: int = 400, baseline_count: int = 40) -> list[Figure]:
    """Measure `count` keystrokes per round and size of ours, `baseline_count` of the slower baseline."""
    source = Path(textwrap.__file__).read_text("utf-8")
    command = stock.command("sync")
    with programs.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            figures: list[Figure] = []
            for lines, limit in SIZES:
                typed = keys(source, lines, count)
                figures.append(_size(process, typed, lines, limit, rounds, baseline_count))
                hashes = [hash_us(typed.text) for _ in range(rounds)]
                figures.append(at_most(6, f"one hash of {lines:,} lines, after a rest", "µs", hashes, 3000))
            return figures
        finally:
            process.kill()


def _size(
    process: "subprocess.Popen[bytes]",
    typed: Keys,
    lines: int,
    limit: float,
    rounds: int,
    baseline_count: int,
) -> Figure:
    ours_us(typed)  # warm-up
    ours, theirs = list[float](), list[float]()
    for _ in range(rounds):
        ours.append(median(ours_us(typed)))
        theirs.append(median(_stock_us(process, Keys(typed.text, typed.edits[:baseline_count]))))
    name = f"one change of {lines:,} lines: positions, splice, line index, secrets, delta"
    return at_most(6, name, "µs", ours, limit, theirs)


def ours_us(typed: Keys) -> list[float]:
    """Apply all changes and return the microseconds of each."""
    document = Document("file:///a.py", typed.text, 1)
    seen = RedactedDocument.from_document(document)
    wire = ClientConnection(spark=True)
    wire.open_document(document.uri, "python", 1, document.text)
    while wire.pop() is not None:
        pass
    times: list[float] = []
    for (line, column), (last, end), text in typed.edits:
        before = time.perf_counter_ns()
        start = to_offset(document, line, column, Encoding.UTF16)
        stop = to_offset(document, last, end, Encoding.UTF16)
        document = document.splice(start, stop, text, document.version + 1)
        seen, edits = seen.follow_edits(document, [Edit(start, stop, text)])
        wire.edit_document(document.uri, document.version, edits, len(document))
        wire.pop()
        times.append((time.perf_counter_ns() - before) / 1000)
    return times


def hash_us(text: str) -> float:
    """Return the microseconds of one hash of the whole text."""
    before = time.perf_counter_ns()
    digest(text)
    return (time.perf_counter_ns() - before) / 1000


def _stock_us(process: "subprocess.Popen[bytes]", typed: Keys) -> list[float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(typed) + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SparkError("Stock pygls ended before it answered", "There is no baseline")
    return [nanoseconds / 1000 for nanoseconds in msgspec.json.decode(line)["ns"]]
