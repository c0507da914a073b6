"""`spark-lsp edit` again and again beside a busy machine: each run ends, with its edit.

`SPARK_LSP_EDITS` sets how many; the project's own figure is 200.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

EDITS = int(os.environ.get("SPARK_LSP_EDITS", "8"))
TEXT = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def busy() -> Iterator[None]:
    """A process that keeps a core busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield
        process.kill()


@pytest.mark.timeout(60 + 60 * EDITS)
def test_each_edit_ends(home: dict[str, str], replay_config: Path, tmp_path: Path, busy: None) -> None:
    file = tmp_path / "a.py"
    file.write_text(TEXT)
    command = [sys.executable, "-m", "spark_lsp", "edit", str(file), "--range", "1:2", "--action", "document"]
    ends = Counter[tuple[int, bool, str]]()
    for _ in range(EDITS):
        done = subprocess.run(
            command, env=home, cwd="/", capture_output=True, text=True, timeout=360, check=False
        )
        ends[done.returncode, "+" in done.stdout, done.stderr] += 1
    assert ends == {(0, True, ""): EDITS}
