"""Neovim: each code action of the table once, in the real one, and the names that it asks for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spark_lsp.prompts import actions
from tests.editors.neovim import Editor

pytestmark = pytest.mark.editor

TEXT = """import os


def total(prices, rate):
    # noch ohne Steuer
    result = 0
    for each in prices:
        result += each * (1 + rate)
    return result


def later(a):
    raise NotImplementedError
"""
TOTAL = TEXT[TEXT.index("def total") : TEXT.index("\n\n\ndef later")]
Start = Callable[..., Editor]


@pytest.fixture
def start(neovim: str, tmp_path: Path, ready_home: dict[str, str], replay_config: Path) -> Iterator[Start]:
    """Start Neovim with a file; the engine answers all edits with one text."""
    running: list[Editor] = []

    def start(said: str = "", name: str = "sums.py") -> Editor:
        (replay_config.parent / "edit.txt").write_text(said)
        file = tmp_path / name
        file.write_text(TEXT)
        environment = {**ready_home, "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
        running.append(Editor(neovim, file, environment))
        running[-1].ready()
        running[-1].lua("vim.ui.input = function(o, done) vim.g.asked = o; done(vim.g.answer) end")
        return running[-1]

    yield start
    for editor in running:
        editor.quit()


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def at(editor: Editor, part: str) -> None:
    """Put the cursor on a text."""
    before = TEXT[: TEXT.index(part)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n") - 1
    editor.lua("vim.api.nvim_win_set_cursor(0, { ... })", line, column)


def text_of(editor: Editor) -> str:
    return "\n".join([*editor.lines(), ""])


def ends(editor: Editor, expected: str, before: str = TEXT) -> None:
    """Wait for the text after an action, which one undo takes back."""
    editor.wait(lambda: text_of(editor) == expected)
    editor.wait(lambda: editor.lua("return vim.g.edit"))
    assert editor.lua("return vim.g.edit")["state"] == "applied"
    editor.input("u")
    editor.wait(lambda: text_of(editor) == before)


CHANGES = {
    "types": (
        "result = 0",
        fenced(TOTAL.replace("prices, rate", "prices: list[float], rate: float")),
        TEXT.replace("prices, rate", "prices: list[float], rate: float"),
    ),
    "simplify": (
        "result = 0",
        fenced(TOTAL.replace("1 + rate", "rate + 1")),
        TEXT.replace("1 + rate", "rate + 1"),
    ),
    "optimise": (
        "result = 0",
        fenced(TOTAL.replace("result = 0", "result = 0.0")),
        TEXT.replace("result = 0", "result = 0.0"),
    ),
    "translate": (
        "result = 0",
        fenced("    # still without tax"),
        TEXT.replace("noch ohne Steuer", "still without tax"),
    ),
    "complete": ("raise", fenced("    return a"), TEXT.replace("raise NotImplementedError", "return a")),
    "document": (
        "result = 0",
        "Add the prices.",
        TEXT.replace("    # noch", '    """Add the prices."""\n    # noch'),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_action_that_needs_no_question(start: Start, name: str) -> None:
    part, said, expected = CHANGES[name]
    editor = start(said)
    at(editor, part)
    editor.act(actions.title_of(name))
    ends(editor, expected)
    assert editor.lua("return vim.g.asked or vim.NIL") is None


def test_an_instruction_is_asked_for(start: Start) -> None:
    editor = start(fenced(TOTAL.replace("result = 0", "result = 1")))
    editor.lua("vim.g.answer = 'start at one'")
    at(editor, "result = 0")
    editor.act(actions.title_of("instruct"))
    ends(editor, TEXT.replace("result = 0", "result = 1"))
    assert editor.lua("return vim.g.asked")["prompt"] == "Edit: "


@pytest.mark.parametrize(
    ("title", "part", "keys", "default", "expected"),
    [
        ("Rename `result`", "result = 0", "", "result_renamed", TEXT.replace("result", "amount")),
        (
            "Extract into a variable",
            "1 + rate",
            "v7l",
            "extracted",
            TEXT.replace(
                "        result += each * (1 + rate)",
                "        amount = 1 + rate\n        result += each * (amount)",
            ),
        ),
    ],
)
def test_a_name_is_asked_for(
    start: Start, title: str, part: str, keys: str, default: str, expected: str
) -> None:
    editor = start("this would never parse (")
    editor.lua("vim.g.answer = 'amount'")
    at(editor, part)
    editor.input(keys)
    editor.act(title)
    editor.wait(lambda: text_of(editor) == expected)
    asked = editor.lua("return vim.g.asked")
    assert (asked["prompt"], asked["default"]) == ("New name: ", default)


def test_nothing_happens_without_a_name(start: Start) -> None:
    editor = start()
    at(editor, "result = 0")
    editor.act("Rename `result`")
    editor.wait(lambda: editor.lua("return vim.g.asked or vim.NIL"))
    assert text_of(editor) == TEXT
    assert editor.lua("return vim.g.edit or vim.NIL") is None


def test_a_function_is_extracted_under_its_name(start: Start) -> None:
    editor = start("this would never parse (")
    editor.lua("vim.g.answer = 'add_tax'")
    at(editor, "each * (1 + rate)")
    editor.input("v16l")
    editor.act("Extract into a function")
    editor.wait(lambda: "result += add_tax(each, rate)" in text_of(editor))
    assert "def add_tax(each, rate):\n    return each * (1 + rate)\n" in text_of(editor)


def test_a_variable_is_inlined(start: Start) -> None:
    editor = start("this would never parse (")
    text = "def f(a):\n    b = a + 1\n    return b\n"
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(..., '\\n'))", text.rstrip("\n"))
    editor.lua("vim.api.nvim_win_set_cursor(0, { 2, 4 })")
    editor.act("Inline variable `b`")
    editor.wait(lambda: text_of(editor) == "def f(a):\n    return a + 1\n")


UNUSED = """
local at = { start = { line = 0, character = 7 }, ['end'] = { line = 0, character = 9 } }
local unused = { range = at, message = '`os` imported but unused', code = 'F401', severity = 2 }
vim.lsp.buf.code_action({ apply = true, context = { only = { ... }, diagnostics = { unused } } })
"""


@pytest.mark.parametrize("kind", ["quickfix", "source.fixAll.spark"])
def test_an_import_is_fixed_alone_or_with_all_others(start: Start, kind: str) -> None:
    editor = start("this would never parse (")
    editor.lua(UNUSED, kind)
    editor.wait(lambda: text_of(editor) == TEXT.removeprefix("import os\n"))
    editor.input("u")
    editor.wait(lambda: text_of(editor) == TEXT)


def test_tests_are_written_into_a_new_file(start: Start) -> None:
    test = "from sums import total\n\n\ndef test_total():\n    assert total([1], 0) == 1"
    editor = start(fenced(test))
    at(editor, "result = 0")
    editor.act("Write tests")
    path = editor.file.parent / "tests" / "test_sums.py"
    written = "return vim.fn.join(vim.api.nvim_buf_get_lines(vim.fn.bufnr(...), 0, -1, false), '\\n')"
    editor.wait(lambda: editor.lua("return vim.fn.bufnr(...)", str(path)) > 0)
    editor.wait(lambda: editor.lua(written, str(path)).rstrip("\n") == test)
    assert text_of(editor) == TEXT
    editor.wait(lambda: "The tests of `total` are in" in editor.messages())


def test_an_explanation_opens_its_window(start: Start, replay_config: Path) -> None:
    editor = start()
    at(editor, "result = 0")
    editor.act("Explain")
    editor.wait(lambda: editor.lua("return vim.fn.bufnr('spark-lsp://explanation')") > 0)


def test_each_action_is_tried_here() -> None:
    tried = {*CHANGES, "instruct", "rename", "extract_variable", "extract_function", "inline"}
    assert tried | {"fix", "fix_all", "tests", "explain"} == {each.name for each in actions.ACTIONS}
