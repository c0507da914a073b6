"""Each suite of the benchmark runs, small, only to see that it works."""

import importlib.util
import json
from pathlib import Path

import pytest

from spark_lsp import cli

ROOT = Path(__file__).parents[2]
FIELDS = {"id", "name", "value", "unit", "baseline", "ratio", "target", "met", "n", "spread"}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def figures(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict]:
    assert cli.main(["bench", *words, "--quick", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"cores", "load", "python"} <= printed["machine"].keys()
    assert all(figure.keys() == FIELDS for figure in printed["figures"])
    assert all(figure["value"] > 0 or grows(figure) for figure in printed["figures"])
    return printed["figures"]


def grows(figure: dict) -> bool:
    """Whether a figure is how much memory or a lag grew, of which nothing is the best."""
    of_none = ("more pairs", "backlog", "repeated", "lost after that")
    return figure["name"].endswith(of_none) and figure["value"] == 0


def test_sync_beats_stock_documents(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "sync")
    assert [figure["id"] for figure in found] == [6, 6, 6, 6]
    assert all(figure["ratio"] < 1 for figure in found if figure["baseline"])


def test_start_has_its_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    [figure] = figures(capsys, "start")
    assert figure["id"] == 8
    assert figure["baseline"] > 0


def test_memory_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert [figure["id"] for figure in figures(capsys, "memory")] == [13, 13]


def test_many_editors_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "fleet")
    assert [figure["id"] for figure in found] == [50] * 3 + [51] * 5 + [52] + [53] * 2
    assert all(figure["met"] for figure in found if "answer" in figure["name"] or "memory" in figure["name"])


def test_the_wafer_s_pace_is_measured_at_three_speeds(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "wafer")
    assert [figure["id"] for figure in found] == [14] * 9
    assert all(figure["met"] for figure in found if "earliest" in figure["name"])


def test_an_edit_s_preview_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert [figure["id"] for figure in figures(capsys, "preview")] == [27, 28]


def test_hedges_are_measured_against_none(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "hedge")
    assert [figure["id"] for figure in found] == [48] * 4
    assert found[2]["met"]  # the share of requests sent twice


def test_the_wire_is_measured_against_its_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("aiohttp")
    found = figures(capsys, "wire")
    assert {figure["id"] for figure in found} == {1, 2, 3, 4, 5, 7, 9, 10, 11}
    assert {figure["id"] for figure in found if figure["baseline"]} == {1, 2, 3, 4, 5, 7, 9, 10, 11}


@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_embedded_model_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert [figure["id"] for figure in figures(capsys, "local")] == [15, 15, 15]


def test_an_unknown_suite_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "speed"])
    assert end.value.code == 2
    assert "choose from start, sync, wire, " in capsys.readouterr().err


def test_a_plot_is_drawn_or_its_absence_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plot.svg"
    code = cli.main(["bench", "sync", "--quick", "--plot", str(path)])
    if importlib.util.find_spec("matplotlib"):
        assert code == 0
        assert "<svg" in path.read_text("utf-8")
    else:
        assert code == 1
        assert "pip install 'spark-lsp[bench]'" in capsys.readouterr().err
