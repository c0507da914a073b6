"""What docs/how-to/codex-and-sdks.md shows works as it stands, but for the address and the engine."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "codex-and-sdks.md"
TEXT = "def add(a, b):\n    return a + b\n"


def block(language: str, running: Any) -> str:
    """Return a block of the page, pointed at the gateway of the tests."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return found.replace("http://127.0.0.1:4747/v1", running.http).replace('"local"', '"replay"')


def run(command: list[str], where: Path, running: Any, **more: str) -> str:
    done = subprocess.run(
        command,
        cwd=where,
        env={**os.environ, "SPARK_LSP_TOKEN": running.token, **more},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_lines(running: Any, tmp_path: Path) -> None:
    assert run([sys.executable, "-c", block("python", running)], tmp_path, running) == TEXT


def test_the_node_lines(running: Any, tmp_path: Path, node_modules: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    (tmp_path / "ask.mjs").write_text(block("js", running))
    assert run(["node", "ask.mjs"], tmp_path, running) == TEXT


def test_the_lines_for_codex(running: Any, tmp_path: Path, codex: Path) -> None:
    config = block("toml", running)
    assert tomllib.loads(config)["model_providers"]["spark"]["base_url"] == running.http
    (tmp_path / "config.toml").write_text(config)
    arguments = ["exec", "--skip-git-repo-check", "--sandbox", "read-only", "say hello"]
    home = {"CODEX_HOME": str(tmp_path), "HOME": str(tmp_path)}
    assert TEXT.strip() in run([str(codex), *arguments], tmp_path, running, **home)


@pytest.mark.parametrize("option", ["--port", "--token-file"])
def test_the_options_are_there(option: str) -> None:
    commands = PAGE.parents[1] / "reference" / "commands.md"
    assert option in commands.read_text("utf-8")
