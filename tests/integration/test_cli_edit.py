"""`edit` against a scripted server: diffs, writing, refusals, exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp import cli
from spark_lsp.client import connection

SERVER = Path(__file__).with_name("scripted_server.py")
RAW = b"\xef\xbb\xbfdef f():\r\n    return 1"
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
    path.write_bytes(RAW)
    path.chmod(0o640)
    return path


def test_the_diff_applies(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("def f():\n    return 1")
    assert run("edit", str(file), "--range", "1:2", "--action", "document") == 0
    difference = capsys.readouterr().out
    assert "+# documented" in difference
    assert file.read_text() == "def f():\n    return 1"
    subprocess.run(["patch", "-p1"], cwd=file.parent, input=difference, text=True, check=True)
    assert file.read_text() == "# documented\ndef f():\n    return 1"


def test_writing_keeps_mark_line_ends_and_mode(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("edit", str(file), "--range", "1:1", "--instruction", "loud", "--write", "--json") == 0
    assert file.read_bytes() == b"\xef\xbb\xbfloud\ndef f():\r\n    return 1"
    assert file.stat().st_mode & 0o777 == 0o640
    printed = json.loads(capsys.readouterr().out)
    assert printed["applied"] is True
    assert printed["state"] == "applied"
    assert printed["diff"].startswith("--- a/a.py\n+++ b/a.py\n")
    assert [path.name for path in file.parent.iterdir()] == ["a.py"]


def test_an_engine_that_is_not_configured_is_told_with_those_that_are(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(file.parent / "none.toml"))
    words = ("--range", "1:1", "--action", "document", "--engine", "fast")
    assert run("edit", str(file), *words) == 1
    assert "There is no engine 'fast'" in (err := capsys.readouterr().err)
    assert "Choose from local" in err


def test_the_engine_named_is_sent_as_both_routes(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = file.with_name("config.toml")
    config.write_text('[engines.fast]\nkind = "replay"\n')
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(config))
    words = ("--range", "1:1", "--action", "document", "--engine", "fast", "--json")
    assert run("edit", str(file), *words) == 0
    sent = json.loads(json.loads(capsys.readouterr().out)["model"])
    assert sent == {"routes": {"completion": ["fast"], "edit": ["fast"]}}


@pytest.mark.parametrize(
    ("script", "action", "state", "says"),
    [
        ("refuse", "document", "refused", "does not parse"),
        ("invalid", "document", "refused", "the range has changed"),
        ("stale", "document", "refused", "is for version -4"),
        ("", "no-such", "refused", "offered: instruct, document"),
    ],
)
def test_a_refusal_is_exit_3_and_changes_nothing(
    run: Run,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    script: str,
    action: str,
    state: str,
    says: str,
) -> None:
    words = ("--range", "1:1", "--action", action, "--write", "--json")
    assert run("edit", str(file), *words, script=script) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["state"] == state
    assert json.loads(out)["applied"] is False
    assert says in err
    assert file.read_bytes() == RAW


def test_lines_outside_the_file_are_exit_1(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("edit", str(file), "--range", "1:3", "--action", "document") == 1
    assert "has 2 lines" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("--range", "2:1", "--action", "document"),
        ("--range", "1:1"),
        ("--action", "document"),
        ("--range", "1:1", "--action", "a", "--instruction", "b"),
        ("--range", "1:1", "--action", "a", "--diff", "--write"),
    ],
)
def test_wrong_usage_is_exit_2(run: Run, file: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as end:
        run("edit", str(file), *words)
    assert end.value.code == 2


def test_an_instruction_that_is_no_text_is_wrong_usage(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run("edit", str(file), "--range", "1:1", "--instruction", "\udcff")  # a byte that is no UTF-8
    assert end.value.code == 2
    assert "not UTF-8" in capsys.readouterr().err
