"""Neovim: edits in preview, drawn, accepted and rejected in the real one."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.editors.neovim import ROOT, SERVE, Editor, lua_list
from tests.editors.terminal import Terminal

pytestmark = pytest.mark.editor


PREVIEW = "{ config = { settings = { spark = { edit = { apply = 'preview' } } } } }"
FUNCTION = "def f():\n" + "".join(f"    value_{n} = {n}\n" for n in range(12)) + "    return value_1\n"
REWRITTEN = FUNCTION.replace("_2 = 2\n", "_2 = 22\n    print(value_2)\n").replace("    value_8 = 8\n", "")


@pytest.fixture
def editor(neovim: str, tmp_path: Path, ready_home: dict[str, str], replay_config: Path) -> Iterator[Editor]:
    """A Neovim with an edit of the function in preview."""
    (replay_config.parent / "edit.txt").write_text(f"```python\n{REWRITTEN}```\n")
    file = tmp_path / "values.py"
    file.write_text(FUNCTION)
    environment = {**ready_home, "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
    running = Editor(neovim, file, environment, options=PREVIEW)
    running.ready()
    running.input("j:Spark edit change it<CR>")
    running.wait(lambda: "SparkAccept" in on_screen(running))
    yield running
    running.quit()


def marks(editor: Editor) -> list[dict[str, Any]]:
    code = "local n = vim.api.nvim_get_namespaces()['spark_lsp.preview'] "
    code += "return vim.api.nvim_buf_get_extmarks(0, n, 0, -1, { details = true })"
    return [{"row": row, **details} for _, row, _, details in editor.lua(code)]


def on_screen(editor: Editor) -> str:
    """Everything that the preview draws: removed lines with `-`, new ones with `+`."""
    lines = []
    for mark in marks(editor):
        if mark.get("line_hl_group"):
            lines.append(f"-{editor.lines()[mark['row']]}")
        drawn = ["".join(text for text, _ in part) for part in mark.get("virt_lines", [])]
        lines += [f"+{text.rstrip()}" for text in drawn]
        lines += ["# " + text for text, _ in mark.get("virt_text", [])]
    return "\n".join(lines)


def test_a_preview_is_drawn_and_accepted_as_one_change(editor: Editor) -> None:
    assert editor.lines() == FUNCTION.splitlines()
    shown = on_screen(editor).splitlines()
    assert {"-    value_2 = 2", "+    value_2 = 22", "+    print(value_2)", "-    value_8 = 8"} <= set(shown)
    editor.input(":SparkAccept<CR>")
    editor.wait(lambda: editor.lines() == REWRITTEN.splitlines())
    editor.wait(lambda: not marks(editor))
    editor.input("u")
    editor.wait(lambda: editor.lines() == FUNCTION.splitlines())


def test_a_preview_is_rejected(editor: Editor) -> None:
    editor.input(":SparkReject<CR>")
    editor.wait(lambda: not marks(editor))
    assert editor.lines() == FUNCTION.splitlines()
    assert editor.wait(lambda: editor.lua("return vim.g.edit"))["state"] == "cancelled"


def test_one_hunk_of_a_preview_is_accepted_and_all_are_undone(editor: Editor) -> None:
    editor.input("ggO# above<Esc>")  # the hunks follow
    editor.wait(lambda: [mark["row"] for mark in marks(editor) if mark.get("line_hl_group")] == [4, 10])
    editor.input("G:SparkAcceptHunk<CR>")
    editor.wait(lambda: "    value_8 = 8" not in editor.lines())
    editor.wait(lambda: "value_8" not in on_screen(editor) and "1 change" in on_screen(editor))
    editor.input("gg:SparkAccept<CR>")
    editor.wait(lambda: editor.lines() == ["# above", *REWRITTEN.splitlines()])
    editor.wait(lambda: not marks(editor))
    editor.input("O# too<Esc>:Spark undo<CR>")
    editor.wait(lambda: editor.lines() == ["# too", "# above", *FUNCTION.splitlines()])


def test_a_stale_edit_of_version_0_is_refused(editor: Editor) -> None:
    """Neovim itself applies an edit of version 0 to any later text."""
    editor.input("ggO# above<Esc>")
    editor.wait(lambda: editor.lines()[0] == "# above")
    answer = editor.lua(
        """
        local client = vim.lsp.get_clients({ name = 'spark_lsp' })[1]
        local at = { line = 0, character = 0 }
        local edit = { newText = 'wrong', range = { start = at, ['end'] = at } }
        local document = { uri = vim.uri_from_bufnr(0), version = 0 }
        local params = { edit = { documentChanges = { { textDocument = document, edits = { edit } } } } }
        return client.handlers['workspace/applyEdit'](nil, params, { client_id = client.id })
        """
    )
    assert answer["applied"] is False
    assert "wrong" not in "".join(editor.lines())


LOOP = """\
def total(orders):
    result = 0
    for order in orders:
        if order.paid:
            result += order.amount
    return result
"""
SUM = """\
def total(orders):
    return sum(order.amount for order in orders if order.paid)
"""
INIT = """
vim.opt.runtimepath:append('%s/editors/neovim')
vim.o.termguicolors, vim.o.laststatus = true, 2
vim.o.statusline = " %%f %%m%%= %%{v:lua.require'spark_lsp'.statusline()} "
require('spark_lsp').setup(vim.tbl_deep_extend('force', { config = { cmd = %s } }, %s))
"""


def test_on_a_terminal_it_looks_as_it_should(
    neovim: str, tmux: None, tmp_path: Path, ready_home: dict[str, str], replay_config: Path
) -> None:
    (replay_config.parent / "edit.txt").write_text(f"```python\n{SUM}```\n")
    (tmp_path / "orders.py").write_text(LOOP)
    (tmp_path / "init.lua").write_text(INIT % (ROOT, lua_list(SERVE), PREVIEW))
    more = {"XDG_DATA_HOME": str(tmp_path / "data")}
    environment = {**ready_home, **more, "TERM": "tmux-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    command = [neovim, "--clean", "-n", "-u", str(tmp_path / "init.lua"), "orders.py"]
    with TemporaryDirectory(prefix="tmux-") as socket:  # a socket's path has to be short
        screen = Terminal(command, environment, tmp_path, socket=Path(socket) / "s", size=(100, 12))
        try:
            screen.shows("spark: replay")
            screen.type(":Spark edit use sum")
            screen.press("Enter")
            screen.wait(lambda: "return sum(" in screen.screen(), "the new line")
            screen.shows("(:SparkAccept, :SparkAcceptHunk, :SparkReject)")
            assert "result = 0" in screen.screen()
            if folder := os.environ.get("SPARK_LSP_SCREENS"):
                Path(folder, "neovim-preview.ansi").write_text(screen.screen(colours=True), "utf-8")
        finally:
            screen.close()
