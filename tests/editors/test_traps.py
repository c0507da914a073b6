"""Editors find the server by the search path, and never take one that lies in the folder they are in."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.editors.neovim import BUILT_IN, OURS, Editor
from tests.traps import Traps

pytestmark = pytest.mark.editor
BIN = Path(sys.executable).parent
EMACS = Path(__file__).parents[2] / "editors" / "emacs" / "spark-lsp.el"
DRIVER = Path(__file__).parent / "eglot.el"
# Room for the warnings about the project's file, which would else wait for a key; no Python of Neovim's own.
QUIET = "vim.o.swapfile = false\nvim.o.cmdheight = 16\nvim.g.loaded_python3_provider = 0\n"
PLAIN = "vim.lsp.enable('spark_lsp')\nvim.lsp.inline_completion.enable()\n"
MODULE = "require('spark_lsp').setup()\n"


@pytest.fixture
def traps(tmp_path: Path) -> Traps:
    return Traps(tmp_path)


@pytest.fixture
def hostile(home: dict[str, str], replay_config: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which programs are looked for in the working directory first."""
    data = {"XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm", "LANG": "C.UTF-8"}
    return {**home, **data, "PATH": f".:{BIN}:{home['PATH']}"}


def ours(traps: Traps) -> list[str]:
    """Return what sprang, except what the editors run by themselves: version control, Python providers."""
    return [name for name in traps.sprung() if not name.startswith(("git ", "trap ", "python3 "))]


@pytest.mark.parametrize(("setup", "namespace"), [(MODULE, OURS), (PLAIN, BUILT_IN)])
def test_neovim(setup: str, namespace: str, neovim: str, traps: Traps, hostile: dict[str, str]) -> None:
    here = f"{QUIET}vim.cmd.cd([[{traps.folder}]])\n"
    editor = Editor(neovim, traps.file, hostile, here + setup)
    try:
        editor.attached()
        editor.wait(lambda: "may only take away" in editor.messages())
        editor.input("<Esc>jA")  # the warnings may have left Neovim waiting for a key
        editor.wait(lambda: editor.ghost(namespace) == "return a + b")
        if setup == MODULE:
            assert editor.lua("return require('spark_lsp').find()")[0] == str(BIN / "spark-lsp")
    finally:
        editor.quit()
    assert ours(traps) == []


def test_neovim_with_a_server_in_the_folder_alone(neovim: str, traps: Traps, hostile: dict[str, str]) -> None:
    here = f"{QUIET}vim.cmd.cd([[{traps.folder}]])\n"
    editor = Editor(neovim, traps.file, {**hostile, "PATH": ".:/usr/bin:/bin"}, here + MODULE)
    try:
        found = editor.lua("return require('spark_lsp').find()")
        assert found[0] == str(BIN / "spark-lsp")  # the one of the clone
    finally:
        editor.quit()
    assert ours(traps) == []


def test_emacs(emacs: str, traps: Traps, hostile: dict[str, str]) -> None:
    form = '(progn (goto-char (point-min)) (search-forward "return") (act "Add documentation"))'
    done = subprocess.run(
        [emacs, "-Q", "--batch", "-l", EMACS, "-l", DRIVER, traps.file, form],
        env=hostile, cwd=traps.folder, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Add two numbers." in Path(f"{traps.file}.out").read_text("utf-8")
    assert ours(traps) == []
