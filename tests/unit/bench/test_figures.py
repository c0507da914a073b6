"""What a benchmark reports."""

import textwrap
from pathlib import Path

from spark_lsp.bench.figures import at_most, at_most_of_baseline, percentile, report
from spark_lsp.bench.typing import keys


def test_percentiles_interpolate() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile([1, 2, 3, 4, 5], 95) == 4.8
    assert percentile([7], 95) == 7


def test_a_ratio_is_held_against_its_limit() -> None:
    slow = at_most_of_baseline(8, "start", "ms", [100, 98, 99], [100, 100, 100], 0.95)
    assert (slow.ratio, slow.met) == (0.99, False)
    assert at_most_of_baseline(8, "start", "ms", [50], [100], 0.95).met


def test_the_report_has_the_fields_that_are_documented() -> None:
    [figure] = report([at_most(6, "x", "µs", [1.23456, 2], 30, [10])])["figures"]
    assert figure == {
        "id": 6,
        "name": "x",
        "value": 1.617,
        "unit": "µs",
        "baseline": 10.0,
        "ratio": 0.1617,
        "target": "≤ 30 µs",
        "met": True,
        "n": 2,
        "spread": [1.426, 1.809],
    }


def test_keys_are_the_same_each_time_and_fit_the_text() -> None:
    source = Path(textwrap.__file__).read_text("utf-8")
    typed = keys(source, 1000, 100)
    assert typed == keys(source, 1000, 100)
    lines = typed.text.splitlines()
    assert len(lines) == 1000
    assert len({edit[0][0] for edit in typed.edits}) >= 4
    assert "".join(edit[2] for edit in typed.edits).startswith("value = ")
