"""A directory full of traps: whatever is loaded or run out of it leaves its name in a file beside it."""

import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

OWN = {"spark_lsp", "pip", "pygls", "sitecustomize", "usercustomize", "child", "tests"}
PROGRAMS = (
    *("git", "nvim", "code", "codium", "hx", "emacs", "python", "python3", "pip3", "spark-lsp", "uv", "node"),
    *("sh", "bash", "env", "keyring", "uname", "ldconfig", "gcc", "trap"),
)
# It works without the codecs, which an interpreter loads among the very first.
_MODULE = """\
import posix
_mark = posix.open({mark!r}, posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND, 0o600)
posix.write(_mark, b"{name}\\n")
posix.close(_mark)
raise ImportError("a trap")
"""
_PROGRAM = '#!/bin/sh\necho "{name} $*" >>{mark}\nexit 1\n'
_GIT = """\
[core]
    fsmonitor = {run}
    hooksPath = {folder}
    pager = {run}
    sshCommand = {run}
[diff]
    external = {run}
[alias]
    check-ignore = !{run}
"""
_TOML = """\
command = "{run}"
[server]
path = "{run}"
[engine]
url = "ws://127.0.0.1:9"
[engines.own]
kind = "local"
model = "{run}"
[tool.spark-lsp]
command = "{run}"
"""
_JSON = """\
{{
  "spark.server.path": "{run}",
  "spark": {{"server": {{"path": "{run}"}}}},
  "python.defaultInterpreterPath": "{run}"
}}
"""
_INI = "[global]\npython = {run}\nindex-url = http://127.0.0.1:9/\n"


class Traps:
    """The directory, and which traps have sprung so far; `file` is a source file in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self._mark = folder / "sprung"
        self.folder.mkdir()
        self.file = self.folder / "sums.py"
        self.file.write_text("def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n")
        for name in PROGRAMS:
            self._lay(name, _PROGRAM).chmod(0o755)
        modules = {*sys.stdlib_module_names, *packages_distributions(), *OWN}
        for name in modules - set(sys.builtin_module_names):
            self._lay(f"{name}.py", _MODULE)
        for package in ("spark_lsp", "pip", "encodings", "xllamacpp", "websockets"):
            for part in ("__init__", "__main__"):
                self._lay(f"{package}/{part}.py", _MODULE)
        self._lay_configuration()

    def _lay_configuration(self) -> None:
        for name in (".spark.toml", "config.toml", "pyproject.toml"):
            self._lay(name, _TOML)
        for name in ("pip.conf", "setup.cfg", ".config/pip/pip.conf", ".pip/pip.conf"):
            self._lay(name, _INI)
        for name in (".git/config", ".gitconfig", ".config/git/config"):
            self._lay(name, _GIT)
        self._lay(".vscode/settings.json", _JSON)
        self._lay(".gitignore", "nothing\n")
        self._lay(".git/HEAD", "ref: refs/heads/main\n")
        for name in (".git/refs", ".git/objects"):
            (self.folder / name).mkdir()

    def _lay(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        run = self.folder / "trap"
        values = {"name": name, "mark": str(self._mark), "run": run, "folder": self.folder}
        file.write_text(text.format(**values))
        return file

    def take_away(self, names: Iterable[str]) -> None:
        """Remove the traps that are called by these modules."""
        for name in names:
            (self.folder / f"{name}.py").unlink(missing_ok=True)
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def sprung(self) -> list[str]:
        """Return the names of the traps that were run, and forget them."""
        found = self._mark.read_text("utf-8").splitlines() if self._mark.exists() else []
        self._mark.unlink(missing_ok=True)
        return found
