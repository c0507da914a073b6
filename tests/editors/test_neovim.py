"""Neovim: ghost text, edits and everything that `:Spark` does, in the real one."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.editors.neovim import BUILT_IN, ROOT, SERVE, Editor, lua_list
from tests.editors.speed import TIMES, report
from tests.editors.terminal import Terminal

pytestmark = pytest.mark.editor

TEXT = "def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n"
SAID = "return a + b"
LONG = "total = a + b\n    if total < 0:\n        total = -total\n    return total"
Start = Callable[..., Editor]


@pytest.fixture
def start(neovim: str, tmp_path: Path, ready_home: dict[str, str]) -> Iterator[Start]:
    """Start Neovim with a file of sums; `lua` brings the server up in its own way."""
    running: list[Editor] = []

    def start(setup: str = "", options: str = "{}", program: str = neovim, text: str = TEXT) -> Editor:
        file = tmp_path / "sums.py"
        file.write_text(text)
        environment = {**ready_home, "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
        running.append(Editor(program, file, environment, setup, options))
        return running[-1]

    yield start
    for editor in running:
        editor.quit()


@pytest.fixture
def editor(start: Start) -> Editor:
    running = start()
    running.ready()
    return running


@pytest.fixture(params=["0.12", "0.11"])
def either(request: pytest.FixtureRequest, start: Start) -> Editor:
    """A Neovim with ghost text of its own, and one without."""
    running = start(program=request.getfixturevalue("neovim" if request.param == "0.12" else "neovim_0_11"))
    running.ready()
    return running


def says(replay_config: Path, text: str, tokens_per_s: int = 1000) -> None:
    """Have the engine say another text, at another pace."""
    (replay_config.parent / "complete.txt").write_text(text)
    config = replay_config.read_text().replace("tokens_per_s = 1000", f"tokens_per_s = {tokens_per_s}")
    replay_config.write_text(config)


# Ghost text.


def test_ghost_text_appears_and_tab_accepts_just_it(either: Editor) -> None:
    either.input("jA")
    either.wait(lambda: either.ghost() == "return a + b")
    either.input("<Tab>")
    either.wait(lambda: not either.ghost())
    assert either.lines() == [
        "def add(a, b):",
        "    return a + b",
        "",
        "",
        "def mul(a, b):",
        "    return a * b",
    ]
    assert either.mode() == "i"
    either.input("<Esc>:Spark status<CR>")
    either.wait(lambda: "accepted 1 suggestions" in either.messages())


@pytest.mark.parametrize("version", ["neovim", "neovim_0_11"])
def test_it_grows_while_the_engine_streams(
    start: Start, replay_config: Path, request: pytest.FixtureRequest, version: str
) -> None:
    says(replay_config, LONG, 60)
    editor = start(program=request.getfixturevalue(version))
    editor.ready()
    editor.input("jA")
    seen = [""]

    def whole() -> bool:
        shown = editor.ghost()
        if shown != seen[-1]:
            seen.append(shown)
        return shown == LONG

    editor.wait(whole)
    assert len(seen) > 3, seen
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen)), seen


def test_typing_along_eats_it_and_the_rest_can_be_accepted(either: Editor) -> None:
    either.input("jA")
    either.wait(lambda: either.ghost() == SAID)
    either.lua("require('spark_lsp.ghost').delay = 60000")  # nobody is asked again
    either.input("return")
    assert either.wait(lambda: either.lines()[1] == "    return" and either.ghost()) == " a + b"
    either.input("<Tab>")
    either.wait(lambda: either.lines()[1] == "    return a + b")


def test_by_word_and_by_line(start: Start, replay_config: Path) -> None:
    says(replay_config, LONG)
    editor = start()
    editor.ready()
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == LONG)
    accepted = ""
    for key, part in [
        ("<M-Right>", "total"),
        ("<M-Right>", " ="),
        ("<M-Down>", " a + b"),
        ("<M-Down>", "\n    if total < 0:"),
        ("<M-Right>", "\n        total"),
        ("<Tab>", " = -total\n    return total"),
    ]:
        editor.input(key)
        accepted += part
        expected = f"    {accepted}".split("\n")
        editor.wait(lambda expected=expected: editor.lines()[1 : 1 + len(expected)] == expected)
        editor.wait(lambda accepted=accepted: editor.ghost() == LONG[len(accepted) :])
    assert editor.lines()[5:] == ["", "", "def mul(a, b):", "    return a * b"]


CLOSED = TEXT.replace("    \n", "    print()\n", 1)


@pytest.mark.parametrize("keys", [["<Tab>"], ["<M-Down>"], ["<M-Right>"] * 8])
@pytest.mark.parametrize("version", ["neovim", "neovim_0_11"])
def test_the_editors_closer_is_replaced(
    start: Start, replay_config: Path, request: pytest.FixtureRequest, version: str, keys: list[str]
) -> None:
    says(replay_config, '"é", a), add(1)')
    editor = start(program=request.getfixturevalue(version), text=CLOSED)
    editor.ready()
    editor.input("jA<Left>")
    editor.wait(lambda: editor.ghost() == '"é", a), add(1)')
    for key in keys:
        editor.input(key)
        editor.wait(lambda: editor.lines()[1] != "    print()")
    editor.wait(lambda: editor.lines()[1] == '    print("é", a), add(1)')


def test_a_stale_one_is_neither_shown_nor_accepted(editor: Editor) -> None:
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.lua("require('spark_lsp.ghost').delay = 60000")
    editor.input("x<Tab>")
    editor.wait(lambda: editor.lines()[1].startswith("    x") and len(editor.lines()[1]) > 5)
    assert "return" not in editor.lines()[1]
    assert editor.ghost() == ""


def test_nothing_is_drawn_where_the_text_has_changed_behind_its_back(editor: Editor) -> None:
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.lua("require('spark_lsp.ghost').delay = 60000")
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, 0, false, { 'import os' })")
    editor.input("r")
    editor.wait(lambda: editor.lines()[2] == "    r")
    assert editor.ghost() == ""


def test_it_goes_with_insert_mode_and_stays_gone_for_that_spot(editor: Editor) -> None:
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.input("<Esc>")
    editor.wait(lambda: not editor.ghost())
    editor.input("A")
    editor.wait(lambda: editor.mode() == "i")
    with pytest.raises(AssertionError):
        editor.wait(editor.ghost, 0.5)
    editor.input("r")
    assert editor.wait(editor.ghost)


def test_it_is_sent_away_by_a_key(editor: Editor) -> None:
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.input("<C-]>")
    editor.wait(lambda: not editor.ghost())
    editor.input("<Tab>")
    editor.wait(lambda: editor.lines()[1] == " " * 8)


def test_tab_is_a_tab_where_there_is_no_ghost(editor: Editor) -> None:
    editor.nvim.command("set noexpandtab")
    editor.nvim.command("Spark toggle")
    editor.input("Gox<Tab>y")
    editor.wait(lambda: editor.lines()[-1].strip() == "x\ty")
    assert editor.statusline() == "spark: off (:Spark toggle)"
    editor.nvim.command("Spark toggle")
    assert editor.wait(editor.ghost)


def test_accepting_is_one_step_to_undo(editor: Editor) -> None:
    editor.input("jAret")
    editor.wait(lambda: editor.lines()[1] == "    ret" and editor.ghost())
    editor.input("<Tab>")
    editor.wait(lambda: editor.lines()[1] != "    ret")
    editor.input("<Esc>u")
    editor.wait(lambda: editor.lines()[1] == "    ret")


# Edits.


def undone(editor: Editor, before: list[str]) -> None:
    """One step takes it back."""
    editor.wait(lambda: editor.lua("return vim.g.edit"))
    assert editor.lua("return vim.g.edit")["state"] == "applied"
    editor.input("u")
    editor.wait(lambda: editor.lines() == before)


def test_add_documentation(editor: Editor) -> None:
    before = editor.lines()
    editor.input("5G")
    editor.act("Add documentation")
    editor.wait(lambda: editor.lines() != before)
    assert editor.lines()[4:] == ["def mul(a, b):", '    """Add two numbers."""', "    return a * b"]
    undone(editor, before)


def test_a_fix(editor: Editor, replay_config: Path) -> None:
    (replay_config.parent / "edit.txt").write_text("    return a * b * 2\n")
    before = editor.lines()
    editor.lua(
        """vim.api.nvim_win_set_cursor(0, { 6, 0 })
        local at = { start = { line = 5, character = 15 }, ['end'] = { line = 5, character = 16 } }
        vim.lsp.buf.code_action({ apply = true, context = { only = { 'quickfix' }, diagnostics = {
            { range = at, message = "should be 2", severity = 1 } } } })"""
    )
    editor.wait(lambda: editor.lines()[5] == "    return a * b * 2")
    undone(editor, before)


def test_an_instruction_is_asked_for(editor: Editor, replay_config: Path) -> None:
    (replay_config.parent / "edit.txt").write_text("def mul(a, b):\n    return b * a\n")
    before = editor.lines()
    editor.lua("vim.ui.input = function(o, done) vim.g.asked = o.prompt; done('swap the factors') end")
    editor.input("5GVj")
    editor.act("Edit with an instruction…")
    editor.wait(lambda: editor.lines()[-1] == "    return b * a")
    assert editor.lua("return vim.g.asked") == "Edit: "
    editor.input("<Esc>")
    undone(editor, before)


def test_an_instruction_for_a_visual_range(editor: Editor, replay_config: Path) -> None:
    (replay_config.parent / "edit.txt").write_text("def mul(a, b):\n    return b * a\n")
    before = editor.lines()
    editor.input("5GVj:Spark edit swap the factors<CR>")
    editor.wait(lambda: editor.lines()[-1] == "    return b * a")
    assert editor.lines()[:4] == before[:4]
    undone(editor, before)


def test_an_edit_goes_on_and_is_undone(start: Start, replay_config: Path) -> None:
    (replay_config.parent / "edit.txt").write_text("def mul(a, b):\n    return b * a\n")
    (replay_config.parent / "chat.txt").write_text("def mul(a, b):\n    return 2 * b * a\n")
    with replay_config.open("a") as file:
        file.write('[engines.double]\nkind = "replay"\ntext = "chat.txt"\n')
    editor = start()
    editor.ready()
    before = editor.lines()
    editor.input("5GVj:Spark edit swap the factors<CR>")
    editor.wait(lambda: editor.lines()[-1] == "    return b * a")
    editor.input("ggOimport os<Esc>:Spark engine double<CR>")
    editor.wait(lambda: editor.status()["engine"] == "double")
    editor.lua(
        """vim.ui.input = function(o, done)
            vim.g.asked = o.prompt
            done('and double it')
        end"""
    )
    editor.input(":Spark again<CR>")
    editor.wait(lambda: editor.lines()[-1] == "    return 2 * b * a")
    assert editor.lua("return vim.g.asked") == "Again, but: "
    assert editor.lua("return require('spark_lsp.commands').complete_instruction('swap')") == [
        "swap the factors"
    ]
    for line in ("    return b * a", "    return a * b"):
        editor.input(":Spark undo<CR>")
        editor.wait(lambda expected=line: editor.lines()[-1] == expected)
    assert editor.lines() == ["import os", *before]


def test_an_edit_is_stopped(start: Start, replay_config: Path) -> None:
    says(replay_config, "x", 1)
    (replay_config.parent / "edit.txt").write_text("def mul(a, b):\n    return b * a\n" * 20)
    editor = start()
    editor.ready()
    before = editor.lines()
    editor.input("5GVj:Spark edit swap<CR>")
    editor.wait(lambda: editor.status()["state"] == "busy")
    editor.input(":Spark stop<CR>")
    ended = editor.wait(lambda: editor.lua("return vim.g.edit"))
    assert ended["state"] == "cancelled"
    assert editor.lines() == before


# What else `:Spark` does, and what it says.


def test_settings_are_changed_live(editor: Editor) -> None:
    editor.lua("require('spark_lsp').configure({ completion = { enabled = false } })")
    editor.input("jA")
    editor.wait(lambda: "switched off in the settings" in editor.statusline())
    assert editor.ghost() == ""
    editor.lua("require('spark_lsp').configure({ completion = { enabled = true } })")
    editor.input(" ")
    assert editor.wait(editor.ghost)


def test_a_setting_that_cannot_be_is_named(start: Start) -> None:
    options = "{ config = { settings = { spark = { completion = { maxLines = 'many' } } } } }"
    editor = start(options=options)
    editor.ready()
    editor.wait(lambda: "completion.maxLines" in editor.messages())


def test_another_engine_is_chosen(start: Start, replay_config: Path) -> None:
    (replay_config.parent / "other.txt").write_text("pass")
    with replay_config.open("a") as file:
        file.write('[engines.other]\nkind = "replay"\ntext = "other.txt"\n')
    editor = start()
    editor.ready()
    editor.nvim.command("Spark engine other")
    editor.wait(lambda: editor.status()["engine"] == "other")
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == "pass")
    editor.lua(
        """vim.ui.select = function(items, options, done)
            vim.g.choices = vim.tbl_map(options.format_item, items)
            done(items[1])
        end"""
    )
    editor.input("<Esc>:Spark engine<CR>")
    editor.wait(lambda: editor.status()["engine"] == "replay")
    assert "other (replay): ready" in editor.lua("return vim.g.choices")


def test_a_killed_gateway_comes_back_by_itself(editor: Editor, home: dict[str, str]) -> None:
    state = Path(home["SPARK_LSP_RUNTIME_DIR"]) / "gateway.json"
    os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == "return a + b")
    assert "replay" in editor.statusline()


def test_an_explanation_is_shown_beside(start: Start, replay_config: Path) -> None:
    (replay_config.parent / "chat.txt").write_text("It multiplies.\nNothing more.")
    config = replay_config.read_text().replace("texts = {", 'texts = { chat = "chat.txt",')
    replay_config.write_text(config)
    editor = start()
    editor.ready()
    editor.input("5GVj:Spark explain<CR>")
    shown = "return vim.fn.getbufline('spark-lsp://explanation', 1, '$')"
    editor.wait(lambda: editor.lua(shown) == ["It multiplies.", "Nothing more."])
    assert editor.lines()[0] == "def add(a, b):"  # the cursor has stayed where it was


def test_the_log_and_the_doctor_are_a_word_away(editor: Editor) -> None:
    editor.nvim.command("Spark log")
    editor.wait(lambda: "log" in editor.nvim.current.buffer.name)
    editor.nvim.command("bdelete")
    editor.nvim.command("Spark doctor")
    editor.wait(lambda: any("gateway" in line for line in editor.lines()))


def test_what_is_no_command_is_told(editor: Editor) -> None:
    editor.nvim.command("Spark fly")
    assert "there are again, doctor, edit, engine" in editor.messages()
    assert editor.lua("return vim.fn.getcompletion('Spark e', 'cmdline')") == ["edit", "engine", "explain"]


def test_the_statusline_tells_engine_state_and_speed(editor: Editor) -> None:
    assert editor.statusline().startswith("spark: replay ready")
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.wait(lambda: editor.statusline().endswith("tok/s"))
    told = "local s = require('spark_lsp').status; s[next(s)].simulated = true"
    editor.lua(told)
    assert editor.statusline().startswith("spark: replay (simulated) ready")


def test_health(either: Editor) -> None:
    either.nvim.command("checkhealth spark_lsp")
    report = "\n".join(either.lines())
    assert "ERROR" not in report
    for part in ("spark-lsp: Neovim", "engine replay, ready", "OK gateway: ", "OK spark-lsp 0."):
        assert part in report.replace("✅ ", ""), report


# Ways to set it up.


def test_a_missing_server_is_told_once_with_what_to_do(start: Start) -> None:
    setup = "require('spark_lsp').setup({ config = { cmd = { 'no-such-server', 'serve' } } })"
    editor = start(setup)
    editor.wait(lambda: "the server (no-such-server) is not here" in editor.messages())
    assert "make demo" in editor.messages()
    editor.nvim.command("checkhealth spark_lsp")
    assert any("the server is not here: no-such-server" in line for line in editor.lines())


PLAIN = """
vim.lsp.config('spark_lsp', { cmd = %s })
vim.lsp.enable('spark_lsp')
vim.lsp.inline_completion.enable()
vim.keymap.set('i', '<Tab>', function()
  return vim.lsp.inline_completion.get() and '' or '<Tab>'
end, { expr = true })
"""


def test_neovims_own_ghost_text_needs_the_configuration_file_only(start: Start) -> None:
    editor = start(PLAIN % lua_list(SERVE))
    editor.attached()
    editor.input("jA")
    # Neovim asks once per change, and the answer is empty while the engine starts.
    assert editor.coax("x<BS>", lambda: editor.ghost(BUILT_IN)) == "return a + b"
    editor.input("<Tab>")
    editor.wait(lambda: editor.lines()[1] == "    return a + b")
    assert not editor.lua("return package.loaded['spark_lsp'] ~= nil")


def test_there_is_one_ghost_text_though_neovims_own_is_on(start: Start) -> None:
    setup = "require('spark_lsp').setup({ config = { cmd = %s } })\nvim.lsp.inline_completion.enable()"
    editor = start(setup % lua_list(SERVE))
    editor.ready()
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    assert not editor.lua("return vim.lsp.inline_completion.is_enabled({ client_id = ... })", client(editor))
    assert editor.ghost(BUILT_IN) == ""


def client(editor: Editor) -> int:
    """The number of the server's client."""
    return editor.lua("return vim.lsp.get_clients({ name = 'spark_lsp' })[1].id")


def test_the_built_in_packager_installs_it(
    start: Start, neovim: str, tmp_path: Path, home: dict[str, str]
) -> None:
    clone = tmp_path / "spark-lsp"
    # The other clients' folders may hold fetched tools: thousands of files that no repository has.
    shutil.copytree(ROOT / "editors" / "neovim", clone / "editors" / "neovim")
    git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", str(clone)]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    guide = (ROOT / "docs" / "how-to" / "neovim.md").read_text("utf-8")
    setup = guide.split("<!-- vim.pack -->\n```lua\n")[1].split("```")[0]
    setup = setup.replace("file:///path/to/spark-lsp", f"file://{clone}")
    setup = setup.replace("{ '/path/to/spark-lsp/.venv/bin/spark-lsp', 'serve' }", lua_list(SERVE))
    setup = setup.replace(
        "vim.pack.add({", f"vim.opt.runtimepath:remove('{ROOT}/editors/neovim')\nvim.pack.add({{"
    )
    setup = setup.replace("load = ", "confirm = false, load = ")
    editor = start(setup)
    editor.ready()
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == "return a + b")
    assert str(tmp_path / "data") in editor.lua("return debug.getinfo(require('spark_lsp').setup).source")
    assert editor.lua("return pcall(vim.cmd.help, 'spark_lsp')")


# Speed.

STOPWATCH = """
_G.times, _G.pressed = {}, 0
vim.on_key(function() _G.pressed = vim.uv.hrtime() end)
local set = vim.api.nvim_buf_set_extmark
vim.api.nvim_buf_set_extmark = function(bufnr, ns, ...)
  if ns == vim.api.nvim_get_namespaces()['spark_lsp.ghost'] and _G.pressed > 0 then
    table.insert(_G.times, (vim.uv.hrtime() - _G.pressed) / 1e6)
    _G.pressed = 0
  end
  return set(bufnr, ns, ...)
end
"""


def keystrokes(editor: Editor, keys: str) -> list[float]:
    """The milliseconds from each key to the ghost text that fits it."""
    editor.lua(STOPWATCH)
    for count, key in enumerate(keys, 1):
        editor.input(key)
        editor.wait(lambda count=count: editor.lua("return #_G.times") >= count)
    return list(editor.lua("return _G.times"))


@pytest.mark.speed
def test_how_long_from_a_key_to_ghost_text(
    start: Start, replay_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (replay_config.parent / "complete.txt").write_text("abcdefghijklmnopqrstuvwxyz = 1\n")
    config = replay_config.read_text().replace("1000", "0").replace("delay_ms = 5", "delay_ms = 0")
    replay_config.write_text(config)
    editor = start(options="{ delay = 0 }")
    editor.ready()
    editor.input("jA")
    editor.wait(lambda: editor.ghost().endswith("1"))
    eaten = keystrokes(editor, "abcdefghijklmnopqrstuvwxy")
    asked = keystrokes(editor, "0123456789" * 4)
    report(capsys, "Neovim, key to ghost text that is typed along", eaten, 5)
    report(capsys, "Neovim, key to ghost text that is asked for", asked, 60)


WAFER = """
[engines.wafer]
kind = "wafer"
source = "replay"
"""


def delays(editor: Editor, shown: Callable[[], bool]) -> list[float]:
    """Type a letter, wait for ghost text, take it back, again and again; milliseconds of each."""
    found: list[float] = []
    for key in "abcdefghi"[:TIMES]:  # another each time: what was offered before does not fit
        began = time.monotonic()
        editor.input(key)
        editor.wait(shown)
        found.append((time.monotonic() - began) * 1000)
        editor.input("<BS>")
        editor.wait(lambda: not editor.ghost())
    return found


@pytest.mark.speed
def test_a_simulated_wafer_is_marked_and_quick(
    start: Start, replay_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    says(replay_config, LONG, 0)
    config = replay_config.read_text().replace('completion = ["replay"]', 'completion = ["wafer"]')
    replay_config.write_text(config.replace("[routes]", WAFER + "[routes]"))
    editor = start()
    editor.ready()
    editor.input("jAx")
    editor.wait(lambda: editor.ghost() == LONG)
    assert editor.statusline().startswith("spark: wafer (simulated) ready")
    editor.input("<BS>")
    first = delays(editor, lambda: editor.ghost().startswith("total"))
    report(capsys, "Neovim, key to first ghost text, simulated wafer", first)
    whole = delays(editor, lambda: editor.ghost() == LONG)
    report(capsys, "Neovim, key to the whole function, simulated wafer", whole, 500)


# With a real model.

LISTING = """import os


def python_files(path):
    found = []
    for root, dirs, files in os.walk(path):
        for name in files:
            if name.endswith(".py"):

    return sorted(found)
"""
ON_SCREEN = """
vim.opt.runtimepath:prepend([==[%s]==])
vim.o.statusline = " %%f %%m%%= %%{v:lua.require'spark_lsp'.statusline()} "
vim.o.laststatus, vim.o.termguicolors = 2, true
require('spark_lsp').setup({ config = { cmd = %s } })
"""


@pytest.mark.model
def test_on_a_terminal_it_looks_as_it_should(
    neovim: str, tmux: None, model: Path, tmp_path: Path, home: dict[str, str]
) -> None:
    (tmp_path / "init.lua").write_text(ON_SCREEN % (ROOT / "editors" / "neovim", lua_list(SERVE)))
    (tmp_path / "listing.py").write_text(LISTING)
    more = {"SPARK_LSP_MODELS": str(model.parent), "XDG_DATA_HOME": str(tmp_path / "data")}
    environment = {**home, **more, "TERM": "tmux-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    command = [neovim, "--clean", "-n", "-u", str(tmp_path / "init.lua"), "listing.py"]
    with TemporaryDirectory(prefix="tmux-") as socket:  # a socket's path has to be short
        screen = Terminal(command, environment, tmp_path, socket=Path(socket) / "s", size=(100, 16))
        try:
            screen.shows("spark: local")
            screen.type("9GA" + " " * 16 + "found.")
            screen.wait(lambda: "found.append(" in screen.screen(), "ghost text")
            screen.wait(lambda: "tok/s" in screen.screen(), "the engine's speed")
            if folder := os.environ.get("SPARK_LSP_SCREENS"):
                Path(folder, "neovim.ansi").write_text(screen.screen(colours=True), "utf-8")
            screen.press("Escape")
            screen.hides("found.append(")
        finally:
            screen.close()


@pytest.mark.model
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
        editor.input("9GAfound.")
        editor.wait(lambda: editor.ghost() and editor.status()["state"] == "ready")
        ghost = editor.ghost()
        editor.input("<Tab>")
        editor.wait(lambda: editor.lines()[8] == f"                found.{ghost}".split("\n")[0])
        assert "append" in editor.lines()[8]
        editor.input("<Esc>4G")
        before = editor.lines()
        editor.act("Add documentation")
        editor.wait(lambda: editor.lines() != before)
        assert editor.lines()[4].startswith('    """')
        added = len(editor.lines()) - len(before)
        assert editor.lines()[:4] == before[:4]
        assert editor.lines()[4 + added :] == before[4:]
    finally:
        editor.quit()
