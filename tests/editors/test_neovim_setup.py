"""Neovim: the server is attached whenever and however `setup()` runs, and to whatever is open by then."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors.neovim import ROOT, SERVE, Editor, lua_list
from tests.enclosure import fetched_programs

pytestmark = pytest.mark.editor

TEXT = "def add(a, b):\n    \n"
SETUP = f"require('spark_lsp').setup({{ config = {{ cmd = {lua_list(SERVE)} }} }})"
ATTACHED = """
local names = {}
for _, client in ipairs(vim.lsp.get_clients({ name = 'spark_lsp' })) do
  for bufnr in pairs(client.attached_buffers) do
    table.insert(names, vim.fs.basename(vim.api.nvim_buf_get_name(bufnr)))
  end
end
table.sort(names)
return names
"""
# Events in which plug-in managers load a module; the last one is lazy.nvim's `VeryLazy`.
EVENTS = {
    "a file's type is known": "vim.api.nvim_create_autocmd('FileType', { once = true, callback = setup })",
    "a file is read": "vim.api.nvim_create_autocmd('BufReadPost', { once = true, callback = setup })",
    "a buffer is entered": "vim.api.nvim_create_autocmd('BufEnter', { once = true, callback = setup })",
    "Neovim has started": "vim.api.nvim_create_autocmd('VimEnter', { once = true, callback = setup })",
    "the screen is drawn": "vim.api.nvim_create_autocmd('VimEnter', "
    "{ once = true, callback = function() vim.schedule(setup) end })",
    "somewhat later": "vim.defer_fn(setup, 300)",
}


class Late(Editor):
    """A Neovim whose arguments are the test's; `setup` is a global Lua function there."""

    def __init__(
        self, program: str, folder: Path, environment: dict[str, str], words: list[str], lua: str = ""
    ) -> None:
        init = folder / "setup.lua"
        init.write_text(f"function setup()\n{SETUP}\nend\n{lua}\n")
        super().__init__(
            program, folder / "sums.py", environment, arguments=["--cmd", f"luafile {init}", *words]
        )

    def serves(self, *names: str) -> None:
        """Wait until the server is attached to these files, and to no other."""
        self.wait(lambda: self.lua(ATTACHED) == sorted(names))


Start = Callable[..., Late]


both = pytest.mark.parametrize("version", ["neovim", "neovim_0_11"])


@pytest.fixture
def version() -> str:
    """The fixture of the Neovim that is started."""
    return "neovim"


@pytest.fixture
def start(
    request: pytest.FixtureRequest, version: str, tmp_path: Path, home: dict[str, str], replay_config: Path
) -> Iterator[Start]:
    """Start a Neovim with words of its command line; `lua` is run before any file is read."""
    program: str = request.getfixturevalue(version)
    environment = {**home, "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
    for name in ("sums.py", "other.py", "notes"):
        (tmp_path / name).write_text(TEXT)
    running: list[Late] = []

    def start(*words: Any, lua: str = "") -> Late:
        running.append(Late(program, tmp_path, environment, [str(word) for word in words], lua))
        return running[-1]

    yield start
    for editor in running:
        editor.quit()


def shows_ghost_text(editor: Late) -> None:
    """Ghost text comes in the current window's second line."""
    editor.ready()
    editor.input("2GA")
    editor.wait(lambda: editor.ghost() == "return a + b")


@both
def test_after_the_file_was_read(start: Start, tmp_path: Path) -> None:
    shows_ghost_text(start("-c", "lua setup()", tmp_path / "sums.py"))


@both
@pytest.mark.parametrize("event", list(EVENTS)[:2])
def test_when_a_plug_in_manager_loads_it_early(start: Start, tmp_path: Path, event: str) -> None:
    shows_ghost_text(start(tmp_path / "sums.py", lua=EVENTS[event]))


@pytest.mark.parametrize("event", list(EVENTS)[2:])
def test_when_a_plug_in_manager_loads_it(start: Start, tmp_path: Path, event: str) -> None:
    shows_ghost_text(start(tmp_path / "sums.py", lua=EVENTS[event]))


def test_all_windows_and_hidden_buffers(start: Start, tmp_path: Path) -> None:
    editor = start("-o", tmp_path / "sums.py", tmp_path / "other.py")
    editor.nvim.command(f"set hidden | edit {tmp_path / 'notes'} | wincmd w")
    editor.lua("setup()")
    editor.serves("sums.py", "other.py", "notes")


def test_a_file_of_no_known_type(start: Start, tmp_path: Path) -> None:
    start("-c", "lua setup()", tmp_path / "notes").serves("notes")


def test_a_file_of_no_known_type_that_is_opened_later(start: Start, tmp_path: Path) -> None:
    editor = start(tmp_path / "sums.py", lua="setup()")
    editor.serves("sums.py")
    editor.nvim.command(f"set hidden | edit {tmp_path / 'notes'}")
    editor.serves("notes", "sums.py")


def test_a_restored_session(start: Start, tmp_path: Path) -> None:
    session = tmp_path / "Session.vim"
    first = start("-n", "-O", tmp_path / "sums.py", tmp_path / "other.py")
    first.nvim.command(f"mksession {session}")
    start("-S", session, "-c", "lua setup()").serves("sums.py", "other.py")


def test_a_script_named_on_the_command_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "late.lua").write_text("setup()")
    shows_ghost_text(start("-S", tmp_path / "late.lua", tmp_path / "sums.py"))


@both
def test_a_file_that_is_opened_after_it(start: Start, tmp_path: Path) -> None:
    editor = start(lua=EVENTS["somewhat later"])
    editor.wait(lambda: editor.lua("return vim.fn.exists(':Spark')") == 2)
    editor.nvim.command(f"edit {tmp_path / 'sums.py'}")
    shows_ghost_text(editor)


def test_a_text_that_gets_its_name_later(start: Start, tmp_path: Path) -> None:
    editor = start(lua="setup()")
    editor.nvim.command("set filetype=python")
    editor.nvim.current.buffer[:] = list[str](TEXT.splitlines())
    assert editor.lua(ATTACHED) == []
    editor.nvim.command(f"write {tmp_path / 'new.py'}")
    editor.serves("new.py")
    shows_ghost_text(editor)


def test_a_buffer_that_is_no_file_is_left_alone(start: Start, tmp_path: Path) -> None:
    editor = start("-c", "help", "-c", "lua setup()", tmp_path / "sums.py")
    editor.serves("sums.py")


@both
def test_a_server_that_was_enabled_before(start: Start, tmp_path: Path) -> None:
    early = f"vim.lsp.config('spark_lsp', {{ cmd = {lua_list(SERVE)} }}) vim.lsp.enable('spark_lsp')"
    editor = start(tmp_path / "sums.py", lua=early)
    editor.serves("sums.py")
    editor.lua("setup()")
    editor.nvim.command("Spark engine configured")  # the status comes again, to who listens now
    shows_ghost_text(editor)
    assert editor.lua("return #vim.lsp.get_clients({ name = 'spark_lsp' })") == 1


def test_setting_it_up_twice_starts_one_server(start: Start, tmp_path: Path) -> None:
    editor = start("-c", "lua setup()", "-c", "lua setup()", tmp_path / "sums.py")
    shows_ghost_text(editor)
    assert editor.lua("return #vim.lsp.get_clients({ name = 'spark_lsp' })") == 1


def test_a_text_that_is_saved_under_a_name(start: Start, tmp_path: Path) -> None:
    editor = start("-c", "lua setup()")
    editor.lua("vim.fn.setline(1, { 'def add(a, b):', '    ' })")
    editor.nvim.command("set filetype=python")
    assert editor.lua(ATTACHED) == []
    editor.nvim.command(f"saveas {tmp_path / 'piped.py'}")
    editor.serves("piped.py")


def test_the_script_sets_up_a_clone_whose_path_is_odd(
    neovim: str, home: dict[str, str], replay_config: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "my, clone's"
    clone.mkdir()
    for name in ("scripts", "editors", ".venv"):
        (clone / name).symlink_to(ROOT / name)
    (tmp_path / "sums.py").write_text(TEXT)
    script = tmp_path / "state.lua"
    script.write_text(
        "vim.wait(15000, function() return #vim.lsp.get_clients({ name = 'spark_lsp' }) > 0 end)\n"
        "io.stdout:write(#vim.lsp.get_clients({ name = 'spark_lsp' }), ' ', require('spark_lsp').find()[1])\n"
        "vim.cmd('qa!')\n"
    )
    command = [str(clone / "scripts" / "nvim"), "--headless", str(tmp_path / "sums.py"), "-S", str(script)]
    done = subprocess.run(
        command, env=home | fetched_programs(), capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout == f"1 {clone}/.venv/bin/spark-lsp", done.stderr
