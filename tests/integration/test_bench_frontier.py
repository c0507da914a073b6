"""The suite `frontier` with engines that play texts: real processes, real counts, and its picture."""

import json
from pathlib import Path

import pytest

from spark_lsp import cli
from spark_lsp.cli import bench

ROOT = Path(__file__).parents[2]
CONFIGURATION = """
[engines.right]
kind = "replay"
texts = {{ edit = "{0}/right.txt", complete = "{0}/right.txt" }}
delay_ms = 0
[engines.wrong]
kind = "replay"
texts = {{ edit = "{0}/wrong.txt", complete = "{0}/wrong.txt" }}
delay_ms = 300
"""
TASK = {
    "task_id": "double",
    "entry_point": "double",
    "prompt": "def double(n):\n",
    "suffix": "    return total\n",
    "canonical_solution": "    total = n * 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
}


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two engines in the user's own configuration, and a set with one task."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(CONFIGURATION.format(tmp_path), "utf-8")
    (tmp_path / "right.txt").write_text("    total = n * 2\n", "utf-8")
    (tmp_path / "wrong.txt").write_text("    total = n * 3\n", "utf-8")
    (tmp_path / "tasks.jsonl").write_text(json.dumps(TASK) + "\n", "utf-8")
    return tmp_path


def test_two_engines_are_compared_with_their_errors(
    engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    details, picture = engines / "details.json", engines / "frontier.svg"
    words = ["--data", str(engines / "tasks.jsonl"), "--engine", "right", "--engine", "wrong"]
    more = ["--price", "right=1000/2000", "--details", str(details), "--plot", str(picture)]
    assert cli.main(["bench", "frontier", "--quick", "--json", *words, *more]) == 0
    figures = {each["name"]: each for each in json.loads(capsys.readouterr().out)["figures"]}
    solved = figures["solved: infilling, right; no faster engine solves as many"]
    assert (solved["value"], solved["n"]) == (100.0, 1)
    assert solved["spread"][0] < 25  # one task says nearly nothing
    assert figures["solved: infilling, wrong"]["value"] == 0
    simulated = "infilling, right at the pace of codex-spark (simulated pace)"
    assert figures[f"p50 of the wait: {simulated}"]["value"] > 0
    assert figures["100 tasks cost: infilling, right"]["value"] > 0
    [compared] = [
        each for name, each in figures.items() if name.startswith("infilling: right instead of wrong,")
    ]
    assert compared["value"] == 100
    assert "<svg" in picture.read_text("utf-8")
    for each in json.loads(details.read_text("utf-8")):
        assert all(trial["tokens"]["written"] for trial in each["trials"] if each["tasks"] == "infilling")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--engine", "nobody"], "'nobody' is neither an engine nor an embedded model"),
        (["--engine", "qwen2.5-coder-7b"], "spark-lsp model pull qwen2.5-coder-7b"),
        (["--engine", "right", "--price", "right=cheap"], "--price right=cheap is not NAME=IN/OUT"),
        (["--engine", "right", "--price", "right=nan/1"], "--price right=nan/1 is not NAME=IN/OUT"),
        (["--engine", "right", "--price", "left=1/1"], "--price names 'left'"),
        (["--engine", "right", "--profile", "moon"], "There is no profile 'moon'"),
    ],
)
def test_a_wrong_argument_is_explained_before_anything_is_measured(
    engines: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert cli.main(["bench", "frontier", *words]) == 1
    assert expected in capsys.readouterr().err


def test_without_a_model_nothing_is_measured(engines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_MODELS", str(engines / "none"))
    assert cli.main(["bench", "frontier"]) == 1


def test_it_is_run_only_when_it_is_named() -> None:
    assert "frontier" not in bench.choose_suites([], None)
    assert bench.choose_suites(["frontier"], None) == ["frontier"]
