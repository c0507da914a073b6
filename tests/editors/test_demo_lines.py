"""The lines that `make demo` prints for each editor, pasted as they are printed into a shell elsewhere."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from spark_lsp.cli.demo import how_to_open
from tests.conftest import fetched, private_home, require, write_replay_config
from tests.editors.code import GHOST, launch, wait
from tests.editors.terminal import Terminal
from tests.enclosure import fetched_programs

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]

ROOT = Path(__file__).parent.parent.parent
SAID = "return a + b"  # nothing of it is in the file
TEXT = '''\
def add(a, b):
    """Add two numbers."""

    # They may be of any size.
    first = int(a)
    second = int(b)
    return sum([first, second])


def multiply(a, b):
    """Multiply two numbers."""

    # They may be of any size.
    first = int(a)
    second = int(b)
    return first * second
'''
CLIENTS = (
    ":lua for _, each in ipairs(vim.lsp.get_clients({ bufnr = 0 })) do print('client ' .. each.name) end"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home whose engine says SAID, and a PATH with the system's programs only."""
    folder = tmp_path_factory.mktemp("demo lines")
    with private_home(folder) as environment:
        write_replay_config(folder / "config" / "spark-lsp")
        del environment["PYTHONPATH"]  # a user's shell has none
        environment |= fetched_programs()
        yield {**environment, "PATH": "/usr/local/bin:/usr/bin:/bin", "XDG_DATA_HOME": str(folder / "data")}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with odd letters in its path."""
    folder = tmp_path_factory.mktemp("project") / "it's 50% new & #1"
    folder.mkdir()
    return folder / "my sums.py"


@pytest.fixture(scope="module")
def lines(place: dict[str, str], file: Path) -> dict[str, str]:
    """What the demonstration printed, by editor."""
    file.write_text(TEXT)
    done = subprocess.run(
        [Path(sys.executable).parent / "spark-lsp", "demo", "--engine", "replay", "--file", file],
        env=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    printed = (
        line.removeprefix("Now in ") for line in done.stdout.splitlines() if line.startswith("Now in ")
    )
    return {editor: line for editor, _, line in (each.partition(":  ") for each in printed)}


def test_there_is_one_for_each_editor_that_is_tested_here(lines: dict[str, str]) -> None:
    assert set(lines) == {"VS Code", "Neovim", "Helix"}


class Shell:
    """A shell in a terminal, in the root directory, into which a line is pasted."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tmux-"))  # a socket's path has to be short
        environment = {**environment, "TERM": "tmux-256color", "LANG": "C.UTF-8", "PS1": "ready> "}
        socket = self._folder / "s"
        self.terminal = Terminal(["sh", "-i"], environment, Path("/"), socket=socket, size=(100, 24))
        self.terminal.shows("ready>")

    def paste(self, line: str) -> Terminal:
        self.terminal.type(line)
        self.terminal.press("Enter")
        return self.terminal

    def close(self) -> None:
        self.terminal.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture
def shell(tmux: None, place: dict[str, str]) -> Iterator[Shell]:
    running = Shell(place)
    yield running
    running.close()


def test_neovim(lines: dict[str, str], shell: Shell, neovim: str, file: Path) -> None:
    file.write_text(TEXT)
    screen = shell.paste(lines["Neovim"])
    screen.shows("def multiply(a, b):")
    screen.coax(CLIENTS, "client spark_lsp")
    screen.type("3GA    ")
    screen.shows(SAID)
    screen.press("Tab")
    screen.press("Escape")
    screen.type(":wq")
    screen.press("Enter")
    screen.shows("ready>")
    assert file.read_text().splitlines()[2] == f"    {SAID}"


def test_helix(lines: dict[str, str], shell: Shell, helix: str, file: Path) -> None:
    file.write_text(TEXT)
    screen = shell.paste(lines["Helix"])
    screen.shows("def multiply(a, b):")
    screen.type("3GA")
    screen.coax(
        " ", f"{SAID} text", enter=False
    )  # Helix asks after a key; a server may have started after the last
    screen.press("C-n", "Enter")
    screen.press("Escape")
    screen.wait(lambda: " NOR " in screen.screen(), "normal mode")
    screen.type(":wq")
    screen.press("Enter")
    screen.wait(lambda: SAID in file.read_text(), "the suggestion in the file")


def test_vs_code(lines: dict[str, str], shell: Shell, file: Path) -> None:
    """Where there is no VS Code the line starts its server, and prints where a browser finds it."""
    if shutil.which("code", path="/usr/local/bin:/usr/bin:/bin"):
        require("SPARK_LSP_REQUIRE_EDITORS", "this machine's own VS Code would open a window")
    for needed in ("vscode", "chromium"):
        fetched(needed)
    file.write_text(TEXT)
    screen = shell.paste(f"clear; {lines['VS Code']}")
    screen.wait(lambda: "/?folder=" in screen.unwrapped(), "the address", 120)
    shown = screen.unwrapped()
    password = shown.split("password ")[1].split(",")[0]
    address = next(line.strip() for line in shown.splitlines() if "/?folder=" in line)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        wait(lambda: page.goto(address, wait_until="domcontentloaded"), "the page", 60)
        page.fill("input.password", password)
        page.press("input.password", "Enter")
        see_ghost_text(page)
        browser.close()
    screen.press("C-c")
    screen.shows("ready>")


def see_ghost_text(page: Page) -> None:
    page.wait_for_selector('.tab:has-text("my sums.py")', timeout=120_000)
    status = page.wait_for_selector('[id="spark-lsp.spark-lsp.spark.status"]', timeout=120_000)
    wait(lambda: status is not None and "replay" in status.inner_text(), "the engine", 60)
    page.click(".monaco-editor .view-lines")
    for key in ("Control+Home", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)

    def shown() -> bool:
        page.keyboard.press("Space")
        return SAID in str(page.evaluate(GHOST))

    wait(shown, "ghost text", 60)


def test_neovim_where_the_package_was_installed_without_a_clone(
    shell: Shell, neovim: str, file: Path, tmp_path: Path
) -> None:
    file.write_text(TEXT)
    (tmp_path / "nvim").symlink_to(neovim)
    line = how_to_open(file, scripts=tmp_path / "none").partition(":  ")[2]
    screen = shell.paste(f"PATH={tmp_path}:$PATH; {line.replace('nvim ', 'nvim --clean ', 1)}")
    screen.shows("def multiply(a, b):")
    screen.coax(CLIENTS, "client spark")
    screen.type("3GA    ")
    screen.shows(SAID)
