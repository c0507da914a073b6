"""The real Neovim, driven by RPC as a person would: keys in, screen marks and buffer text out."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pynvim
import pytest

pytestmark = pytest.mark.editor

ROOT = Path(__file__).parent.parent.parent
GHOST = """
local ns = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
return ns and vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, { details = true }) or {}
"""
STATUS = "return vim.tbl_values(require('spark_lsp').status)[1] or vim.NIL"
SETUP = """
require('spark_lsp').setup({ config = { cmd = { %r, '-m', 'spark_lsp', 'serve' } } })
vim.api.nvim_create_autocmd('User', { pattern = 'SparkEdit', callback = function(e) vim.g.edit = e.data end })
"""


class Editor:
    """One running Neovim with one file open."""

    def __init__(self, program: str, file: Path, environment: dict[str, str]) -> None:
        self.file = file
        argv = ["env", "-i", *(f"{k}={v}" for k, v in environment.items()), program, "--clean", "--embed"]
        argv += ["--headless", "--cmd", f"set runtimepath^={ROOT}/editors/neovim"]
        argv += ["--cmd", f"lua {SETUP % sys.executable}".replace("\n", " "), str(file)]
        self.nvim = pynvim.attach("child", argv=argv)
        self.wait(lambda: self.nvim.exec_lua("return #vim.lsp.get_clients({ name = 'spark_lsp' }) > 0"))

    def wait(self, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        """Poll until `condition` gives something true; say what the screen held when it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s; status {self.status()}; text {self.lines()}")

    def status(self) -> Any:
        return self.nvim.exec_lua(STATUS)

    def lines(self) -> list[str]:
        return list(self.nvim.current.buffer)

    def ready(self) -> None:
        self.wait(
            lambda: (self.status() or {}).get("state") in ("ready", "starting") and self.status()["engine"]
        )

    def ghost(self) -> str:
        """The text that is drawn as a suggestion, all lines of it."""
        text = ""
        for *_, details in self.nvim.exec_lua(GHOST):
            text += "".join(part[0] for part in details.get("virt_text", []))
            for line in details.get("virt_lines", []):
                text += "\n" + "".join(part[0] for part in line)
        return text

    def quit(self) -> None:
        with suppress(OSError, EOFError):  # it is gone before it can answer
            self.nvim.command("qa!")
        with suppress(OSError, EOFError):
            self.nvim.close()


@pytest.fixture
def editor(neovim: str, tmp_path: Path, home: dict[str, str], replay_config: Path) -> Iterator[Editor]:
    file = tmp_path / "sums.py"
    file.write_text("def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n")
    running = Editor(neovim, file, {**home, "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"})
    running.ready()
    yield running
    running.quit()


def test_ghost_text_appears_and_tab_accepts_just_it(editor: Editor) -> None:
    editor.nvim.input("jA")
    assert editor.wait(editor.ghost) == "return a + b"
    editor.nvim.input("<Tab>")
    editor.wait(lambda: not editor.ghost())
    assert editor.lines()[1] == "    return a + b"
    assert editor.lines()[2:] == ["", "", "def mul(a, b):", "    return a * b"]


def test_typing_along_keeps_the_rest_and_accepting_gives_the_whole(editor: Editor) -> None:
    editor.nvim.input("jA")
    editor.wait(editor.ghost)
    editor.nvim.input("return")
    assert editor.wait(lambda: editor.lines()[1] == "    return" and editor.ghost()) == " a + b"
    editor.nvim.input("<Tab>")
    editor.wait(lambda: editor.lines()[1] == "    return a + b")


def test_a_stale_suggestion_is_never_accepted(editor: Editor) -> None:
    editor.nvim.input("jA")
    editor.wait(editor.ghost)
    editor.nvim.input("x<Tab>")  # faster than Neovim asks again: its old ghost text is still there
    editor.nvim.input("<Esc>")
    editor.wait(lambda: editor.nvim.exec_lua("return vim.api.nvim_get_mode().mode") == "n")
    assert "return" not in editor.lines()[1]


def test_tab_is_a_tab_where_there_is_no_ghost(editor: Editor) -> None:
    editor.nvim.command("set noexpandtab")
    editor.nvim.command("lua vim.lsp.inline_completion.enable(false)")
    editor.nvim.input("Gox<Tab>y")
    editor.wait(lambda: editor.lines()[-1].strip() == "x\ty")


def act(editor: Editor, title: str) -> None:
    """Choose a code action by its title, as `gra` and a menu would."""
    editor.nvim.exec_lua(
        "local t = ... "
        "vim.lsp.buf.code_action({ filter = function(a) return a.title == t end, apply = true })",
        title,
    )


def test_a_code_action_changes_the_buffer_in_one_undo(editor: Editor) -> None:
    before = editor.lines()
    editor.nvim.input("5G")
    act(editor, "Add documentation")
    editor.wait(lambda: editor.lines() != before)
    assert editor.lines()[4:] == ["def mul(a, b):", '    """Add two numbers."""', "    return a * b"]
    assert editor.wait(lambda: editor.nvim.exec_lua("return vim.g.edit"))["state"] == "applied"
    editor.nvim.input("u")
    editor.wait(lambda: editor.lines() == before)


def test_an_instruction_is_asked_for(editor: Editor, replay_config: Path) -> None:
    (replay_config.parent / "edit.txt").write_text("def mul(a, b):\n    return b * a\n")
    editor.nvim.exec_lua(
        "vim.ui.input = function(o, done) vim.g.asked = o.prompt; done('swap the factors') end"
    )
    editor.nvim.input("5GVj")
    act(editor, "Edit with an instruction…")
    editor.wait(lambda: editor.lines()[-1] == "    return b * a")
    assert editor.nvim.exec_lua("return vim.g.asked") == "Edit: "


@pytest.mark.model
@pytest.mark.timeout(120)
def test_the_main_job_with_the_embedded_model(
    neovim: str, model: Path, tmp_path: Path, home: dict[str, str]
) -> None:
    file = tmp_path / "listing.py"
    file.write_text(
        "import os\n\n\ndef python_files(path):\n    found = []\n"
        "    for root, dirs, files in os.walk(path):\n        for name in files:\n"
        '            if name.endswith(".py"):\n                \n    return sorted(found)\n'
    )
    editor = Editor(neovim, file, {**home, "SPARK_LSP_MODELS": str(model.parent), "TERM": "xterm"})
    try:
        editor.ready()
        editor.nvim.input("9GAfound.")
        ghost = editor.wait(editor.ghost, 60)
        editor.nvim.input("<Tab>")
        editor.wait(lambda: editor.lines()[8] == f"                found.{ghost}".split("\n")[0])
        assert "append" in editor.lines()[8]
        editor.nvim.input("<Esc>4G")
        before = editor.lines()
        act(editor, "Add documentation")
        editor.wait(lambda: editor.lines() != before, 60)
        assert editor.lines()[4].startswith('    """')
        added = len(editor.lines()) - len(before)
        assert editor.lines()[:4] == before[:4]
        assert editor.lines()[4 + added :] == before[4:]
    finally:
        editor.quit()
