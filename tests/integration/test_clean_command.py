"""`spark-lsp clean` shows, and only when told removes, all that is kept; the configuration stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from spark_lsp import cli, runtime
from spark_lsp.launch import alive
from spark_lsp.privacy.approvals import file_request
from spark_lsp.store.approvals import Approvals


@pytest.fixture
def kept(tmp_path: Path, home: dict[str, str], replay_config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "spark-lsp" / "models").mkdir(parents=True)
    (tmp_path / "cache" / "spark-lsp" / "models" / "x.gguf").write_bytes(b"x" * 2_000_000)
    Approvals().add(file_request("/x"))
    return tmp_path


def test_without_a_yes_it_only_shows(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["clean"]) == 0
    shown = capsys.readouterr().out
    assert f"{kept / 'cache' / 'spark-lsp'}  models and tools, 2.0 MB" in shown
    assert "spark-lsp clean --yes" in shown
    assert (kept / "cache" / "spark-lsp").exists()


def test_with_a_yes_nothing_is_left_but_the_configuration(
    kept: Path, home: dict[str, str], replay_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = Path(home["SPARK_LSP_RUNTIME_DIR"])
    command = [sys.executable, "-m", "spark_lsp", "complete", f"{__file__}:1:1"]
    subprocess.run(command, env=home, check=True, capture_output=True)
    state = runtime.read_state(where)
    assert state is not None
    assert alive(state.pid)
    assert cli.main(["clean", "--yes"]) == 0
    assert not alive(state.pid)
    assert not where.exists()
    assert not (kept / "cache" / "spark-lsp").exists()
    assert not (kept / "state" / "spark-lsp").exists()
    assert replay_config.exists()
    assert "it is left as it is" in capsys.readouterr().out
