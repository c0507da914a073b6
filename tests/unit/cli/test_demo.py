"""What the demonstration leaves a person with."""

import os
import shlex
from pathlib import Path

from spark_lsp.cli.demo import how_to_open


def test_its_last_lines_can_be_pasted() -> None:
    lines = how_to_open(Path("/tmp/a file.py")).splitlines()
    assert [line.partition(":  ")[0] for line in lines] == ["Now in VS Code", "Now in Neovim", "Now in Helix"]
    for line in lines:
        program, file = shlex.split(line.partition(":  ")[2])
        assert os.access(program, os.X_OK)
        assert file == "/tmp/a file.py"
