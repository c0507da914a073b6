"""`python -m tests.fuzz.distil TARGET FOLDER`: add to the committed corpus what reaches something new.

The inputs of FOLDER are tried from the shortest on, behind those that are committed; one is kept if a step
from line to line of our code is made in it that no other made. So every test run can afford the corpus.
"""

import importlib
import sys
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.__main__ import HERE, TARGETS, corpus

LONGEST = 4_096
Step = tuple[str, int, int]


def steps(target: Any, data: bytes) -> set[Step]:
    """Return the steps from line to line that an input makes the code go."""
    made: set[Step] = set()
    last: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        name = frame.f_code.co_filename
        if "/spark_lsp/" not in name and "/tests/fuzz/" not in name:
            return None
        made.add((name, last.get(frame, 0), frame.f_lineno))
        last[frame] = frame.f_lineno
        return trace

    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return made


def main(name: str, folder: str) -> None:
    """Copy what is worth it, named by its hash."""
    target = importlib.import_module(f"tests.fuzz.{name}").TestOneInput
    seen: set[Step] = set()
    for file in corpus(name):
        seen |= steps(target, file.read_bytes())
    for file in sorted(Path(folder).iterdir(), key=lambda each: (each.stat().st_size, each.name)):
        data = file.read_bytes()
        if len(data) <= LONGEST and not (made := steps(target, data)) <= seen:
            seen |= made
            (HERE / "corpus" / name / sha256(data).hexdigest()[:16]).write_bytes(data)
    sys.stdout.write(f"{name}: {len(corpus(name))} inputs, {len(seen)} steps\n")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"Name a target ({', '.join(TARGETS)}) and a folder of inputs")
    main(*sys.argv[1:])
