"""`demo` against a scripted server: its steps, their fields, what it does when nothing can be shown."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp import cli
from spark_lsp.cli import demo
from spark_lsp.client import connection

SERVER = Path(__file__).with_name("scripted_server.py")
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("SPARK_LSP_STATE_DIR", str(tmp_path / "state"))

    def play(*words: str, script: str = "") -> int:
        monkeypatch.setattr(connection, "SERVE", (sys.executable, str(SERVER), "loose", *script.split()))
        monkeypatch.setattr(demo, "KEY_S", 0)
        return cli.main(["demo", *words])

    return play


def test_the_steps_come_in_order_with_their_fields(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [step["step"] for step in steps] == ["open", "type", "ghost", "edit", "done"]
    assert all({"engine", "model", "simulated"} <= step.keys() for step in steps)
    ghost, edit = steps[2], steps[3]
    assert ghost["ghost_text"] == "return 1 + 1"
    assert (ghost["ttft_ms"], ghost["tok_s"]) == (12.5, 480.0)
    assert "+# documented" in edit["diff"]
    assert steps[-1]["ok"] is True


def test_a_pipe_gets_plain_lines_with_the_ghost_growing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    grown = [line.rpartition("⟦")[2] for line in out.splitlines() if line.startswith("  ghost> ")]
    assert grown == ["return ⟧", "return 1⟧", "return 1 + 1⟧"]
    assert "not simulated · 1" in out
    assert "480 tokens/s" in out
    assert "Neovim" in out
    assert str(tmp_path / "state" / "demo" / "textwrap.py") in out


def test_the_users_own_file_is_never_written(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.go"
    path.write_text("func add(a int) int {\n\ttotal := compute(a, 1, 2)\n\treturn total + 1\n}\n")
    before = path.read_bytes()
    assert run("--file", str(path), "--json") == 0
    assert path.read_bytes() == before
    opened = json.loads(capsys.readouterr().out.splitlines()[0])
    assert opened["file"] != str(path)
    assert not Path(opened["file"]).parent.exists()


def test_without_ghost_text_it_says_why_tries_on_and_ends_with_3(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--json", script="nothing") == 3
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ghosts = [step for step in steps if step["step"] == "ghost"]
    assert len(ghosts) == 4
    assert all("spark-lsp model pull" in step["reason"] for step in ghosts)


def test_without_any_engine_one_place_is_enough(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", script="nothing off") == 3
    steps = [json.loads(line)["step"] for line in capsys.readouterr().out.splitlines()]
    assert steps.count("ghost") == 1


def test_a_refused_edit_ends_with_3(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", script="refuse") == 3
    edit = json.loads(capsys.readouterr().out.splitlines()[-2])
    assert edit["reason"] == "no edit (refused): the answer does not parse"


@pytest.mark.parametrize("text", ["", "x = 1\n"])
def test_a_file_without_anything_to_show_is_an_error(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "a.py"
    path.write_text(text)
    assert run("--file", str(path)) == 1
    assert "no line that the demonstration could type" in capsys.readouterr().err
