"""The lines of docs/how-to/codex-and-sdks.md, run as a reader would run them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "codex-and-sdks.md"
PORT, TOKEN_FILE = "4747", "~/.config/spark-lsp/token"
TEXT = "def add(a, b):\n    return a + b\n"
DEADLINE = PATIENCE
CONFIG = """\
[engines.local]
kind = "replay"
text = "answer.txt"
delay_ms = 0
"""


def blocks(language: str) -> list[str]:
    """Return the code of a language on the page, in its order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


SERVE, EXPORT, CURL, CODEX = (block.strip() for block in blocks("sh"))


class Reader:
    """Somebody who follows the page, in a home of their own; the gateway's port is another one."""

    def __init__(self, gateway: Any, home: Path) -> None:
        self._port = re.findall(r":(\d+)/", gateway.http)[0]
        self.home = home
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), "SPARK_LSP_TOKEN": gateway.token}

    def copied(self, code: str) -> str:
        return code.replace(PORT, self._port)

    def run(self, *command: str, **environment: str) -> str:
        """Run a command in the home; what it prints."""
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self._environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def gateway(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The gateway, started by the page's own line, but on a free port and with a text of the test's."""
    home = tmp_path_factory.mktemp("home")
    (home / "answer.txt").write_text(TEXT)
    (home / "config.toml").write_text(CONFIG)
    given = SERVE.replace(PORT, "0").replace(TOKEN_FILE, str(home / "token"))
    program, command, *arguments = given.split()
    assert (program, command) == ("spark-lsp", "gateway")
    with start(home, *arguments, "--config", str(home / "config.toml")) as started:
        yield started


@pytest.fixture
def reader(gateway: Any, tmp_path: Path) -> Reader:
    return Reader(gateway, tmp_path)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_token_is_taken_from_its_file_and_lists_the_models(reader: Reader, gateway: Any) -> None:
    token = reader.home / ".config" / "spark-lsp" / "token"
    token.parent.mkdir(parents=True)
    token.write_text(gateway.token)
    listed = reader.run("sh", "-c", f"{EXPORT}\n{reader.copied(CURL)}", SPARK_LSP_TOKEN="")
    assert '"id":"local"' in listed


def test_codex_answers(reader: Reader, codex: Path) -> None:
    config = reader.home / ".codex" / "config.toml"
    config.parent.mkdir()
    (written,) = blocks("toml")
    config.write_text(reader.copied(written))
    said = reader.run("sh", "-c", CODEX, PATH=f"{codex.parent}:{os.environ['PATH']}")
    assert TEXT.strip() in said


@pytest.mark.parametrize(("number", "printed"), [(0, TEXT), (1, f"{TEXT}\n" * 2)], ids=["turn", "lanes"])
def test_python_answers(reader: Reader, number: int, printed: str) -> None:
    assert reader.run(sys.executable, "-c", reader.copied(blocks("python")[number])) == printed


def test_node_answers(reader: Reader, node_modules: Path) -> None:
    (reader.home / "node_modules").symlink_to(node_modules)
    (script,) = blocks("js")
    (reader.home / "hello.mjs").write_text(reader.copied(script))
    assert reader.run("node", "hello.mjs") == TEXT
