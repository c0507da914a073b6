"""`complete` against a scripted server: output, exit codes, bad input."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp import cli
from spark_lsp.client import connection

SERVER = Path(__file__).with_name("scripted_server.py")
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def play(*words: str, script: str = "") -> int:
        command = (sys.executable, str(SERVER), *script.split())
        monkeypatch.setattr(connection, "SERVE", command)
        return cli.main(list(words))

    return play


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_bytes("def f():\n    # 🎈 \n    \n".encode())
    return path


def test_the_text_is_printed(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("complete", f"{file}:3:5") == 0
    assert capsys.readouterr().out == "return 1 + 1\n"


def test_json_holds_every_field(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("complete", f"{file}:2:8", "--json") == 0
    point = {"line": 2, "column": 8}
    assert json.loads(capsys.readouterr().out) == {
        "text": "return 1 + 1",
        "range": {"start": point, "end": point},
        "reason": None,
        "code": None,
        "engine": "replay",
        "model": "a text",
        "simulated": False,
        "ttft_ms": 12.5,
        "tok_s": 480.0,
        "route": None,
    }


def test_no_completion_is_exit_3_with_its_reason(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("complete", f"{file}:3:5", "--json", script="nothing") == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["text"] is None
    assert "spark-lsp model pull" in json.loads(out)["reason"]
    assert "spark-lsp model pull" in err


def test_an_error_of_the_server_is_a_reason(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("complete", f"{file}:3:5", script="modified") == 3
    assert "the document changed" in capsys.readouterr().err


def test_it_asks_again_when_the_engine_has_started(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("complete", f"{file}:3:5", script="starting") == 0
    assert capsys.readouterr().out == "return 1 + 1\n"


def test_a_dead_server_is_told_with_its_last_words(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("complete", f"{file}:3:5", script="die") == 1
    err = capsys.readouterr().err
    assert "ended unexpectedly (exit code 7)" in err
    assert "the model process is gone" in err
    assert "Traceback" not in err


def test_a_server_that_speaks_no_lsp_is_told(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("complete", f"{file}:3:5", script="rubbish") == 1
    assert "not LSP" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("{}/missing.py:1:1", "cannot be read"),
        ("{}:1:1", "cannot be read"),
        ("{}/a.py:9:1", "no line 9"),
        ("{}/a.py:0:1", "no line 0"),
        ("{}/a.py:1:10", "no column 10"),
        ("{}/latin.py:1:1", "not UTF-8"),
        ("{}/binary.py:1:1", "binary"),
    ],
)
def test_bad_input_is_exit_1(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str], place: str, says: str
) -> None:
    (file.parent / "latin.py").write_bytes(b"# \xe4\n")
    (file.parent / "binary.py").write_bytes(b"a\0b")
    assert run("complete", place.format(file.parent)) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("a.py",), ("a.py:1",), ("a.py:x:1",)])
def test_wrong_usage_is_exit_2(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as end:
        run("complete", *words)
    assert end.value.code == 2
