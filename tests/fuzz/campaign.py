"""`python -m tests.fuzz.campaign --operations N --seconds S`: documents, then each target, and a summary.

What a target finds is kept in `.cache/fuzz/TARGET`, what crashes it beside that; a campaign goes on from what
the last one found. See docs/reference/fuzzing.md.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.__main__ import HERE, TARGETS

KEPT = Path(".cache/fuzz")
_STATUS = re.compile(r"#\d+\s+\w+\s+cov: (\d+) ft: (\d+)")
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_LAST = re.compile(r"#(\d+)\t")
_OPERATIONS = re.compile(r"([\d,]+) document operations")


@dataclass(frozen=True, slots=True)
class Result:
    """What one part of a campaign did; `well` if nothing was found."""

    name: str
    executions: int
    coverage: str
    well: bool


def documents(operations: int) -> Result:
    """Do so many operations on documents."""
    command = [sys.executable, "-m", "pytest", "-q", str(HERE / "test_documents.py")]
    environment = {**os.environ, "SPARK_LSP_FUZZ_OPERATIONS": str(operations)}
    code, text = _run(command, environment)
    done = _OPERATIONS.search(text)
    return Result("documents", int(done[1].replace(",", "")) if done else 0, "–", code == 0)


def target(name: str, seconds: int) -> Result:
    """Fuzz one target, from what is committed and what was found before."""
    found = KEPT / name
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-print_final_stats=1", "-timeout=20", "-rss_limit_mb=1024"]
    folders = [str(found), str(HERE / "corpus" / name)]
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        name,
        *options,
        f"-artifact_prefix={KEPT}/{name}-",
        *folders,
    ]
    code, text = _run(command, dict(os.environ))
    runs = _RUNS.findall(text) or _LAST.findall(text)[-1:] or ["0"]
    covered = _STATUS.findall(text)
    coverage = "{} edges, {} features".format(*covered[-1]) if covered else "–"
    return Result(name, int(runs[-1]), coverage, code == 0)


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command, show what it says unless it is only about progress, and return it."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if not re.match(r"#\d+\s+(?:NEW|REDUCE|RELOAD)|INFO: Instrumenting|WARNING: Failed to find", line):
            sys.stdout.write(line)
            sys.stdout.flush()
    return process.wait(), "".join(lines)


def campaign(operations: int, seconds: int) -> Iterator[Result]:
    """Run every part, one after another."""
    yield documents(operations)
    for name in TARGETS:
        yield target(name, seconds)


def main() -> int:
    """Run a campaign; 1 if it found anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.campaign")
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    chosen = parser.parse_args()
    results = list(campaign(chosen.operations, chosen.seconds))
    for each in results:
        verdict = "nothing found" if each.well else f"FOUND SOMETHING: see above and {KEPT}"
        sys.stdout.write(f"{each.name:10} {each.executions:>12,}  {each.coverage:28} {verdict}\n")
    return 0 if all(each.well for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
