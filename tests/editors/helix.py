"""A real Helix in a terminal, driven as a user would: keys in, the screen and the saved file out."""

import shutil
import sys
import tempfile
from pathlib import Path

from spark_lsp.prompts import actions
from tests.editors.terminal import Terminal

LINTER = Path(__file__).parent / "linter.py"
LINES = Path(__file__).parent.parent.parent / "editors" / "helix" / "languages.toml"
# What the menus of these tests can hold.
ACTIONS = (*(each.title for each in actions.ACTIONS if each.name != "fix"), "Fix: ")
CONFIGURATION = "[editor]\nword-completion.enable = false\nlsp.display-messages = true\n"


def configure(environment: dict[str, str], more: str = "") -> None:
    """Write the delivered configuration, and `more` lines of it."""
    settings = Path(environment["XDG_CONFIG_HOME"]) / "helix"
    settings.mkdir(exist_ok=True)
    (settings / "languages.toml").write_text(LINES.read_text("utf-8") + more, "utf-8")
    (settings / "config.toml").write_text(CONFIGURATION, "utf-8")


def programs(folder: Path) -> Path:
    """Fill a folder with the servers that Helix finds: spark-lsp, and for one of its own a small linter."""
    folder.mkdir(exist_ok=True)
    (folder / "spark-lsp").symlink_to(Path(sys.executable).parent / "spark-lsp")
    linter = folder / "pylsp"
    linter.write_text(f"#!/bin/sh\nexec {sys.executable} {LINTER}\n")
    linter.chmod(0o755)
    return folder


class Helix(Terminal):
    """One running Helix with one file open; its configuration is the one that is delivered."""

    def __init__(self, program: str, file: Path, environment: dict[str, str], folder: Path) -> None:
        self.file = file
        self.root = file.parent
        self.log = folder / "helix.log"
        self._socket = Path(tempfile.mkdtemp(prefix="tmux-"))  # a socket's path has to be short
        environment = {
            **environment,
            "PATH": f"{programs(folder / 'bin')}:{environment['PATH']}",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TERM": "tmux-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
        }
        command = [program, "-v", "--log", str(self.log), str(file)]
        super().__init__(command, environment, file.parent, socket=self._socket / "s", size=(100, 20))

    def told(self, what: str) -> int:
        """Count what the server sent, by a text that stands in its message."""
        if not self.log.exists():
            return 0
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return sum("spark-lsp <-" in line and what in line for line in lines)

    def ready(self, engine: str = "replay") -> None:
        """Wait until the server has told which engine answers."""
        self.wait(lambda: self.told(f'"engine": "{engine}"'), f"the engine {engine}")

    def saved(self) -> str:
        """Leave insert mode, write the file and return it, byte for byte."""
        before = self._written_at()
        self.command("write")

        def written() -> bool:
            # The screen alone is not enough: a look may fall between " NOR " and "[+]" being drawn.
            screen = self.screen()
            return self._written_at() not in (None, before) and " NOR " in screen and "[+]" not in screen

        self.wait(written, "the file to be written")
        return self.file.read_bytes().decode()

    def _written_at(self) -> tuple[int, int] | None:
        """Say when the file was last written, and which one it is; None while it is being replaced."""
        try:
            found = self.file.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino

    def normal(self) -> None:
        """Leave insert mode; Escape with a key directly behind it would be another key."""
        if " NOR " not in self.screen():
            self.press("Escape")
            self.wait(lambda: " NOR " in self.screen(), "normal mode")

    def command(self, line: str) -> None:
        """Give a command of Helix' command line."""
        self.normal()
        self.type(f":{line}")
        self.press("Enter")

    def act(self, title: str) -> None:
        """Choose a code action by its title."""
        self.press("Space")
        self.type("a")
        self.shows(title)
        lines = [line for line in self.screen().splitlines() if any(each in line for each in ACTIONS)]
        place = next(number for number, line in enumerate(lines) if title in line)
        self.press(*["Down"] * place, "Enter")  # the first is chosen to begin with

    def close(self) -> None:
        """End it."""
        super().close()
        shutil.rmtree(self._socket, ignore_errors=True)
