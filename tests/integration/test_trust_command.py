"""`spark-lsp trust`, as a person calls it."""

import json

import pytest

from spark_lsp import cli


@pytest.fixture(autouse=True)
def private(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_STATE_DIR", str(tmp_path))


def test_approve_list_and_take_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trust", "--list"]) == 3
    assert "Nothing is approved" in capsys.readouterr().out
    assert cli.main(["trust", "http://gpu.lan:8000", "--key-env", "GPU_KEY"]) == 0
    assert (
        "send code to http://gpu.lan:8000/ with the key in the environment variable GPU_KEY"
        in capsys.readouterr().out
    )
    assert cli.main(["trust", "--list", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row == {"kind": "endpoint", "subject": "http://gpu.lan:8000/", "key": "env:GPU_KEY"}
    assert cli.main(["trust", "http://gpu.lan:8000/", "--remove"]) == 0
    assert cli.main(["trust", "http://gpu.lan:8000/", "--remove"]) == 3


def test_a_path_is_approved_by_its_whole_name(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["trust", "mine.gguf"]) == 0
    assert str(tmp_path / "mine.gguf") in capsys.readouterr().out


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trust"]) == 2
    assert cli.main(["trust", "http://user:password@gpu.lan/"]) == 1
    assert "password@" not in capsys.readouterr().err
