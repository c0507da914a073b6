"""What the demonstration leaves a person with."""

import os
import shlex
from pathlib import Path

import pytest

from spark_lsp.cli.demo import how_to_open, practice_file
from spark_lsp.client.rehearsal import default_file


def test_its_last_lines_can_be_pasted() -> None:
    lines = how_to_open(Path("/tmp/a file.py")).splitlines()
    assert [line.partition(":  ")[0] for line in lines] == ["Now in VS Code", "Now in Neovim", "Now in Helix"]
    for line in lines:
        program, file = shlex.split(line.partition(":  ")[2])
        assert os.access(program, os.X_OK)
        assert file == "/tmp/a file.py"


def test_the_file_to_practise_on_is_a_copy_that_keeps_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LSP_STATE_DIR", str(tmp_path / "state"))
    copy = practice_file()
    assert copy.is_relative_to(tmp_path)
    assert copy.read_bytes() == default_file().read_bytes()
    copy.write_text("mine")
    assert practice_file().read_text() == "mine"


def test_without_a_place_for_the_copy_the_file_itself_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SPARK_LSP_STATE_DIR", str(tmp_path / "file"))
    assert practice_file() == default_file()


def test_without_a_clone_the_line_starts_the_server_before_the_file_is_read(tmp_path: Path) -> None:
    line = how_to_open(Path("it's.py"), scripts=tmp_path).partition(":  ")[2]
    program, option, lua, file = shlex.split(line)
    assert (program, option, file) == ("nvim", "--cmd", str(Path.cwd() / "it's.py"))
    assert lua.startswith("lua vim.lsp.config")
