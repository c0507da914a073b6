"""Neovim: each code action of the table once, in the real one, and the names that it asks for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_lsp.prompts.actions import Ask, find_action
from tests.editors.action_cases import CASES, EXPLANATION, NAMES, TESTS, Case, write_engines
from tests.editors.neovim import Editor

pytestmark = pytest.mark.editor
ANSWER = """
local answer = ...
vim.g.asked, vim.g.edit = nil, nil
vim.ui.input = function(o, done)
  vim.g.asked = { o.prompt, o.default or '' }
  done(answer ~= vim.NIL and answer or nil)
end
"""
FIX = """
local kind, found = ..., {}
for line, text in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
  local name = text:match('^import (%w+)$')
  if name then
    local first, last = { line = line - 1, character = 7 }, { line = line - 1, character = 7 + #name }
    local at = { start = first, ['end'] = last }
    local message = ('`%s` imported but unused'):format(name)
    table.insert(found, { range = at, message = message, code = 'F401', severity = 2 })
  end
end
vim.lsp.buf.code_action({ apply = true, context = { only = { kind }, diagnostics = found } })
"""
WRITTEN = "return vim.fn.join(vim.api.nvim_buf_get_lines(vim.fn.bufnr(...), 0, -1, false), '\\n')"


@pytest.fixture(scope="module")
def editor(
    neovim: str, shared_home: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Editor]:
    """One Neovim for all actions."""
    write_engines(Path(shared_home["XDG_CONFIG_HOME"]) / "spark-lsp")
    folder = tmp_path_factory.mktemp("neovim")
    (file := folder / "sums.py").write_text("")
    environment = {**shared_home, "XDG_DATA_HOME": str(folder / "data"), "TERM": "xterm"}
    running = Editor(neovim, file, environment)
    running.ready()
    yield running
    running.quit()


@pytest.fixture
def case(editor: Editor, name: str) -> Case:
    """The case of an action, with its text in the buffer, its engine, and the cursor on its code."""
    prepare(editor, name, CASES[name].given or None)
    return CASES[name]


def prepare(editor: Editor, name: str, answer: str | None) -> None:
    case = CASES[name]
    editor.lua("vim.cmd.stopinsert(); vim.cmd('silent only')")
    editor.nvim.command(f"buffer {editor.file}")
    editor.lua(
        "vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(..., '\\n'))", case.text.removesuffix("\n")
    )
    editor.lua(ANSWER, answer)
    editor.lua(
        "vim.lsp.get_clients({ name = 'spark_lsp' })[1]:exec_cmd({ title = '', "
        "command = 'spark.selectEngine', arguments = { { engine = ... } } })",
        name,
    )
    editor.wait(lambda: (editor.status() or {}).get("engine") == name)
    editor.lua("vim.api.nvim_win_set_cursor(0, { ... })", *case.position)
    if case.selected:
        editor.input(f"v{case.selected - 1}l")


def text_of(editor: Editor) -> str:
    return "\n".join([*editor.lines(), ""])


def act(editor: Editor, name: str, case: Case) -> None:
    """Choose the action; those for diagnostics are for those of another server."""
    if name in ("fix", "fix_all"):
        editor.lua(FIX, find_action(name).kind)
    else:
        editor.act(case.title)


@pytest.mark.parametrize("name", NAMES)
def test_each_action_of_the_table(editor: Editor, name: str, case: Case) -> None:
    act(editor, name, case)
    if name == "tests":
        the_tests_are_in_a_new_file(editor)
    elif name == "explain":
        editor.wait(lambda: editor.lua("return vim.fn.bufnr('spark-lsp://explanation')") > 0)
        editor.wait(lambda: EXPLANATION in editor.lua(WRITTEN, "spark-lsp://explanation"))
    else:
        editor.wait(lambda: text_of(editor) == case.expected)
        editor.input("<Esc>u")
        editor.wait(lambda: text_of(editor) == case.text)
    prompts = {Ask.NOTHING: None, Ask.INSTRUCTION: "Edit: ", Ask.NAME: "New name: "}
    asked = editor.lua("return vim.g.asked or vim.NIL")
    assert (asked and asked[0]) == prompts[find_action(name).ask]


def the_tests_are_in_a_new_file(editor: Editor) -> None:
    path = str(editor.file.parent / "tests" / "test_sums.py")
    editor.wait(lambda: editor.lua("return vim.fn.bufnr(...)", path) > 0)
    editor.wait(lambda: editor.lua(WRITTEN, path).rstrip("\n") == TESTS.rstrip("\n"))
    editor.wait(lambda: "The tests of `total` are in" in editor.messages())


@pytest.mark.parametrize(
    ("name", "default"), [("rename", "result_renamed"), ("extract_variable", "extracted")]
)
def test_nothing_happens_without_a_name(editor: Editor, name: str, default: str) -> None:
    prepare(editor, name, None)
    editor.act(CASES[name].title)
    editor.wait(lambda: editor.lua("return vim.g.asked or vim.NIL") == ["New name: ", default])
    assert text_of(editor) == CASES[name].text
    assert editor.lua("return vim.g.edit or vim.NIL") is None
