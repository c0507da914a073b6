"""The commands through the real language server and a real gateway, answered by a replay."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_lsp import cli
from spark_lsp.client.rehearsal import stop_gateway

ROOT = Path(__file__).parents[2]
CODE = "def area(width, height):\n    size = width * height\n    \n\n\nprint(area(2, 3))\n"
ANSWERS = {"complete": "return size", "edit": "Return the area of a rectangle."}
CONFIG = """\
[engines.replay]
kind = "replay"
texts = { complete = "complete.txt", edit = "edit.txt" }
[routes]
completion = ["replay"]
edit = ["replay"]
"""


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    where = tmp_path_factory.mktemp("r")
    for name, text in ANSWERS.items():
        (where / f"{name}.txt").write_text(text)
    (where / "config.toml").write_text(CONFIG)
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(where / "config.toml"))
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(where / "run"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield where
    stop_gateway(where / "run")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "area.py"
    path.write_text(CODE)
    return path


def test_complete(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["complete", f"{file}:3:5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == "return size"
    assert (found["engine"], found["simulated"]) == ("replay", False)
    assert found["ttft_ms"] > 0


def test_edit_writes_documentation(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--range", "1:2", "--action", "document", "--write", "--json")
    assert cli.main(["edit", str(file), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["applied"], found["state"], found["engine"]) == (True, "applied", "replay")
    assert "Return the area of a rectangle." in file.read_text()
    compile(file.read_text(), "area.py", "exec")


def test_edit_with_an_instruction_replaces_the_lines(
    home: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "edit.txt").write_text("    size = height * width\n")
    words = ("--range", "2:2", "--instruction", "swap the factors", "--diff")
    assert cli.main(["edit", str(file), *words]) == 0
    assert "+    size = height * width" in capsys.readouterr().out
    assert file.read_text() == CODE


def test_an_answer_that_does_not_parse_is_refused(
    home: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "edit.txt").write_text("    size = (height *\n")
    words = ("--range", "2:2", "--instruction", "swap the factors", "--write")
    assert cli.main(["edit", str(file), *words]) == 3
    assert file.read_text() == CODE
    assert "no edit (refused)" in capsys.readouterr().err


def test_the_demonstration_replays_the_files_own_text() -> None:
    command = [sys.executable, "-m", "spark_lsp", "demo", "--engine", "replay", "--json"]
    environment = {"SPARK_LSP_CONFIG": "/nonexistent/none.toml", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    steps = {step["step"]: step for step in map(json.loads, done.stdout.splitlines())}
    line = steps["type"]["typed"] + steps["ghost"]["ghost_text"]
    assert line in Path(textwrap.__file__).read_text("utf-8").splitlines()
    assert '+        """' in steps["edit"]["diff"]
    assert steps["done"]["ok"] is True
    assert {steps[name]["engine"] for name in ("ghost", "edit", "done")} == {"replay"}


def wafer(home: Path, *settings: str) -> None:
    table = '\n[engines.wafer]\nkind = "wafer"\nsource = "replay"\n' + "".join(
        f"{each}\n" for each in settings
    )
    routed = CONFIG.replace('["replay"]', '["wafer"]')
    (home / "config.toml").write_text(routed + table)


def test_a_simulated_answer_is_marked_at_the_very_end(
    home: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wafer(home)
    assert cli.main(["complete", f"{file}:3:5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == "return size"
    assert (found["engine"], found["model"]) == ("wafer", "codex-spark (simulated)")
    assert found["simulated"] is True
    assert found["ttft_ms"] >= 78


def test_a_wafer_that_stands_on_itself_says_so(
    home: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wafer(home, 'profile = "codex-spark"')
    text = (home / "config.toml").read_text().replace('source = "replay"', 'source = "wafer"')
    (home / "config.toml").write_text(text)
    assert cli.main(["complete", f"{file}:3:5", "--json"]) == 3
    assert "leads back to itself: wafer → wafer" in json.loads(capsys.readouterr().out)["reason"]
