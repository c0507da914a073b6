"""The places of the suite `lines` are there, in the versions that constraints.txt names."""

from pathlib import Path

import pytest

from spark_lsp.bench import lines
from spark_lsp.bench.bare_prompt import ORDERS
from spark_lsp.bench.lines import MODES, Answer
from spark_lsp.bench.places import TABLE, Place, copy_packages, read_places
from spark_lsp.errors import ConfigError


def read_or_skip() -> list[Place]:
    try:
        return read_places()
    except ConfigError as error:
        pytest.skip(str(error))


def test_the_places_are_lines_of_five_packages() -> None:
    rows = [row.split("\t") for row in TABLE.read_text("utf-8").splitlines()]
    assert rows[0] == ["package", "version", "path", "line", "column", "sha256_8"]
    assert len(rows) == 61
    assert len({row[0] for row in rows[1:]}) == 5


def test_a_place_has_its_line_split_at_the_cursor() -> None:
    places = read_or_skip()
    assert sum(place.is_whole_line for place in places) == 30
    for place in places:
        assert len(place.rest.strip()) >= 4
        assert place.after.startswith("\n")
        assert place.before.count("\n") == place.line - 1
        above, below = place.window(60, 15)
        assert place.before.endswith(above)
        assert place.after.startswith(below)
        assert above.count("\n") <= 60
        assert below.count("\n") <= 1 + 15


def test_no_asked_line_is_in_the_workspace(tmp_path: Path) -> None:
    places = read_or_skip()
    copy_packages(places, tmp_path)
    for place in places:
        lines_on_disk = (tmp_path / place.package / place.path).read_text("utf-8").split("\n")
        assert lines_on_disk[place.line - 1] == ""


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.1")
    with pytest.raises(ConfigError, match="is not installed here"):
        read_places()


def test_figures_compare_with_the_better_order() -> None:
    place = Place("p", "a.py", 1, "x = ", "1", "\n")
    texts = {"at once": "2", "settled": "1\ny", ORDERS[0]: "1", ORDERS[1]: ""}
    answers = [Answer(place, mode, texts[mode], 0.1) for mode in (*MODES, *ORDERS)]
    found = lines.figures(answers)
    settled = next(figure for figure in found if "settled" in figure.name)
    assert (settled.value, settled.baseline) == (100.0, 100.0)
    assert ORDERS[0] in settled.name
