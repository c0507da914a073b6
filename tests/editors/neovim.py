"""A real Neovim, driven by RPC as a person would: keys in, screen marks and buffer text out."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pynvim

from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
SERVE = [sys.executable, "-m", "spark_lsp", "serve"]
MARKS = """
local ns = vim.api.nvim_get_namespaces()[...]
return ns and vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, { details = true }) or {}
"""
STATUS = "return vim.tbl_values(require('spark_lsp').status)[1] or vim.NIL"
OURS, BUILT_IN = "spark_lsp.ghost", "nvim.lsp.inline_completion"
SETUP = """
require('spark_lsp').setup(vim.tbl_deep_extend('force', { config = { cmd = %s } }, %s))
vim.api.nvim_create_autocmd('User', { pattern = 'SparkEdit', callback = function(e) vim.g.edit = e.data end })
"""


def lua_list(words: list[str]) -> str:
    return "{" + ", ".join(f"[==[{word}]==]" for word in words) + "}"


class Editor:
    """One running Neovim with one file open. `setup` is Lua that brings the server up."""

    def __init__(
        self,
        program: str,
        file: Path,
        environment: dict[str, str],
        setup: str = "",
        options: str = "{}",
        arguments: list[str] | None = None,
    ) -> None:
        self.file = file
        if arguments is None:  # else they say how it is set up, and which files are opened
            init = Path(environment["XDG_CONFIG_HOME"]) / f"{file.stem}.lua"
            init.write_text(setup or SETUP % (lua_list(SERVE), options))
            arguments = ["--cmd", f"luafile {init}", str(file)]
        argv = ["env", "-i", *(f"{k}={v}" for k, v in environment.items()), program, "--clean", "--embed"]
        argv += ["--headless", "--cmd", f"set runtimepath^={ROOT}/editors/neovim"]
        self.nvim = pynvim.attach("child", argv=[*argv, *arguments])

    def attached(self) -> None:
        """Wait for the server."""
        self.wait(lambda: self.lua("return #vim.lsp.get_clients({ name = 'spark_lsp' }) > 0"))

    def ready(self) -> None:
        """Wait for the engine."""
        self.attached()
        self.wait(lambda: (self.status() or {}).get("engine"))

    def wait(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Poll until `condition` gives something true; say what the screen held when it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.01)
        said = self.messages()
        raise AssertionError(f"not within {seconds} s; {self.status()}; {self.lines()}; messages {said}")

    def coax(self, keys: str, condition: Callable[[], Any]) -> Any:
        """Type keys that leave the text as it is once a second until `condition` gives something true."""
        typed = float("-inf")

        def found() -> Any:
            nonlocal typed
            if time.monotonic() - typed > 1:
                typed = time.monotonic()
                self.input(keys)
            return condition()

        return self.wait(found)

    def lua(self, code: str, *arguments: Any) -> Any:
        return self.nvim.exec_lua(code, *arguments)

    def input(self, keys: str) -> None:
        self.nvim.input(keys)

    def status(self) -> Any:
        return self.lua(STATUS)

    def statusline(self) -> str:
        return self.lua("return require('spark_lsp').statusline()")

    def messages(self) -> str:
        return self.nvim.command_output("messages")

    def lines(self) -> list[str]:
        return list(self.nvim.current.buffer)

    def mode(self) -> str:
        return self.nvim.api.get_mode()["mode"]

    def ghost(self, namespace: str = OURS) -> str:
        """The text that is drawn as a suggestion, all lines of it."""
        text = ""
        for *_, details in self.lua(MARKS, namespace):
            text += "".join(part[0] for part in details.get("virt_text", []))
            for line in details.get("virt_lines", []):
                text += "\n" + "".join(part[0] for part in line)
        return text

    def act(self, title: str) -> None:
        """Choose a code action by its title, as `gra` and a menu would."""
        self.lua(
            "local t = ... "
            "vim.lsp.buf.code_action({ filter = function(a) return a.title == t end, apply = true })",
            title,
        )

    def quit(self) -> None:
        with suppress(OSError, EOFError):  # it is gone before it can answer
            self.nvim.command("qa!")
        with suppress(OSError, EOFError):
            self.nvim.close()
