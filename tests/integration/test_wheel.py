"""The wheel, in a clean environment of its own: what a user installs is what runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.enclosure import REAL

ROOT = Path(__file__).parent.parent.parent


def run(*command: str | Path, **more: object) -> str:
    """Run a program and return what it prints; its last words are the failure's."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.timeout(900)
def test_the_installed_wheel_shows_the_main_job(tmp_path: Path, home: dict[str, str]) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT, env=REAL)
    (wheel,) = tmp_path.glob("spark_lsp-*.whl")
    run(*pip, "install", "--constraint", ROOT / "constraints.txt", wheel, env=REAL)
    environment = {name: value for name, value in home.items() if name != "PYTHONPATH"}
    program = tmp_path / "venv" / "bin" / "spark-lsp"
    shown = run(program, "demo", "--engine", "replay", "--json", env=environment, cwd=tmp_path)
    steps = [json.loads(line) for line in shown.splitlines()]
    assert [step["step"] for step in steps] == ["open", "type", "ghost", "edit", "done"]
    assert steps[2]["ghost_text"]
    assert steps[3]["diff"].count('"""') == 2
