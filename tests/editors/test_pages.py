"""What the how-to pages put into an editor's configuration, put there and run in the real editor.

Every block is taken from its page; only `/path/to/spark-lsp` becomes this clone.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.editors.helix import Helix
from tests.editors.neovim import BUILT_IN, Editor

pytestmark = [pytest.mark.editor, pytest.mark.timeout(180)]

ROOT = Path(__file__).parent.parent.parent
TEXT = "def add(a, b):\n    \n"
SAID = "return a + b"


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in one language, for this clone."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text("utf-8")
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [each.replace("/path/to/spark-lsp", str(ROOT)) for each in found]


LUA = blocks("neovim", "lua")
PACKAGER = next(each for each in LUA if "vim.pack.add" in each)  # test_neovim.py has it
LAZY = next(each for each in LUA if each.startswith("{ dir ="))
BARE = next(each for each in LUA if "inline_completion.enable" in each)
MANUAL = next(each for each in LUA if "runtimepath:append" in each and each != PACKAGER)
OTHERS = [*LUA, *blocks("preview-edits", "lua")]
MORE = [each for each in OTHERS if each not in (PACKAGER, LAZY, BARE, MANUAL)]
# What lazy.nvim does with a plug-in's specification when the screen is drawn.
LOAD = """
local spec = %s
vim.api.nvim_create_autocmd('VimEnter', { once = true, callback = vim.schedule_wrap(function()
  vim.opt.runtimepath:append(spec.dir)
  require(spec.main).setup(spec.opts)
end) })
"""


Start = Callable[[str], Editor]


@pytest.fixture
def start(neovim: str, tmp_path: Path, home: dict[str, str], replay_config: Path) -> Iterator[Start]:
    """Start Neovim with a configuration; the server is on the search path, as the page has it."""
    (file := tmp_path / "sums.py").write_text(TEXT)
    path = f"{Path(sys.executable).parent}:{home['PATH']}"
    environment = {**home, "PATH": path, "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
    running: list[Editor] = []

    def start(init: str) -> Editor:
        (tmp_path / "init.lua").write_text(init)
        # `-u` is the user's configuration; the module is where the block puts it, not where our tests do.
        words = ["--cmd", f"set runtimepath-={ROOT}/editors/neovim", "-u", str(tmp_path / "init.lua")]
        running.append(Editor(neovim, file, environment, arguments=[*words, str(file)]))
        return running[-1]

    yield start
    for editor in running:
        editor.quit()


@pytest.mark.parametrize(
    "init",
    [MANUAL, LOAD % LAZY, *(f"{MANUAL}\n{each}" for each in MORE)],
    ids=["without a packager", "lazy.nvim", *(f"then block {number}" for number in range(len(MORE)))],
)
def test_neovim(start: Start, init: str) -> None:
    editor = start(init)
    editor.attached()
    assert "Error" not in editor.messages()
    if "completion = { enabled = false }" not in init:
        editor.ready()
        editor.input("2GA")
        editor.wait(lambda: editor.ghost() == SAID)


def test_neovim_without_the_module(start: Start) -> None:
    editor = start(f"vim.opt.runtimepath:append('{ROOT}/editors/neovim')\n{BARE}")
    editor.attached()
    editor.input("2GA")
    editor.wait(lambda: editor.ghost(BUILT_IN) == SAID)
    editor.input("<Tab>")
    editor.wait(lambda: editor.lines()[1] == f"    {SAID}")


def test_helix(helix: str, tmp_path: Path, home: dict[str, str], replay_config: Path) -> None:
    """The page's own lines for languages.toml and config.toml, together."""
    server, editor_settings, settings = blocks("helix", "toml")
    (folder := tmp_path / "config" / "helix").mkdir()
    (folder / "languages.toml").write_text(f"{server}\n{settings}")
    (folder / "config.toml").write_text(editor_settings)
    (tmp_path / "sums.py").write_text(TEXT)
    running = Helix(helix, tmp_path / "sums.py", home, tmp_path)
    try:
        running.ready()
        running.type("2GA")
        running.coax(" ", f"{SAID} text", enter=False)
    finally:
        running.close()


LATE = """
(setq make-backup-files nil)
(find-file "%s")
(load "%s")
(require 'eglot)
(apply #'eglot (eglot--guess-contact))
(let ((end (+ (float-time) 60)))
  (while (and (< (float-time) end) (not (equal "replay" (plist-get spark-lsp-status :engine))))
    (accept-process-output nil 0.05)))
(princ (plist-get spark-lsp-status :engine))
(eglot-shutdown (eglot-current-server))
"""


def test_emacs(emacs: str, tmp_path: Path, home: dict[str, str], replay_config: Path) -> None:
    """The page's init file; eglot is started in a buffer that was open before."""
    (tmp_path / "init.el").write_text("\n".join(blocks("emacs", "elisp")))
    (tmp_path / "sums.py").write_text(TEXT)
    (tmp_path / "late.el").write_text(LATE % (tmp_path / "sums.py", tmp_path / "init.el"))
    done = subprocess.run(
        [emacs, "-Q", "--batch", "-l", tmp_path / "late.el"],
        env={**home, "PATH": f"{Path(sys.executable).parent}:{home['PATH']}", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()[-6:]) == (0, "replay"), done.stderr


def test_vs_code() -> None:
    """Every setting that the page names is one of the extension's, with a value of its type."""
    manifest = json.loads((ROOT / "editors" / "vscode" / "package.json").read_text("utf-8"))
    known = manifest["contributes"]["configuration"]
    sections = known if isinstance(known, list) else [known]
    types = {name: each.get("type") for part in sections for name, each in part["properties"].items()}
    kinds = {int: "integer", str: "string", list: "array", dict: "object", bool: "boolean"}
    for block in blocks("vscode", "json"):
        for name, value in json.loads(block).items():
            assert types[name] == kinds[type(value)], name
