"""The figures of a history: every row counts once, in each grouping."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.outcomes import Outcome
from spark_lsp.stats.figures import UNKNOWN, quantile, summarise
from spark_lsp.store.history import Row

NOW = int(time.time())
ROWS = st.lists(
    st.builds(
        Row,
        at=st.integers(NOW - 10**6, NOW),
        language=st.sampled_from(["python", "lua", ""]),
        engine=st.sampled_from(["local", "gpu", ""]),
        model=st.sampled_from(["qwen", "", "local"]),
        chars=st.integers(1, 99),
        lines=st.integers(1, 9),
        latency_ms=st.floats(0, 1e4),
        confidence=st.none() | st.floats(0, 1),
        outcome=st.sampled_from([each.value for each in Outcome]),
        accepted_chars=st.integers(0, 99),
    ),
    max_size=20,
)


@given(ROWS)
def test_every_row_counts_once_in_each_grouping(rows: list[Row]) -> None:
    report = summarise(rows)
    for groups in ((report.total,), report.languages, report.engines, report.days):
        assert sum(each.shown for each in groups) == len(rows)
        assert sum(each.accepted_chars for each in groups) == sum(row.accepted_chars for row in rows)
        assert len({each.name for each in groups}) == len(groups)
        for each in groups:
            decided = each.accepted + each.partly + each.rejected + each.ignored
            assert each.shown == decided + each.typed + each.brief
            assert (each.accepted_share is None) == (decided == 0)
            assert each.accepted_share is None or 0 <= each.accepted_share <= 1
    assert [each.name for each in report.days] == sorted(each.name for each in report.days)
    assert [each.shown for each in report.languages] == sorted(
        (each.shown for each in report.languages), reverse=True
    )
    assert all(each.name for each in (*report.languages, *report.engines))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_a_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(each <= found for each in values) >= share * len(values) - 1e-9
    assert sum(each < found for each in values) < share * len(values) + 1e-9


@pytest.mark.parametrize(
    ("values", "share", "expected"), [([], 0.5, None), ([1, 2, 3, 4], 0.5, 2), ([1, 2, 3], 0.95, 3)]
)
def test_quantiles(values: list[float], share: float, expected: float | None) -> None:
    assert quantile(values, share) == expected


def test_an_engine_is_named_with_its_model() -> None:
    row = Row(NOW, "", "local", "qwen", 1, 1, 1.0, None, "brief")
    report = summarise([row])
    assert [each.name for each in report.engines] == ["local (qwen)"]
    assert [each.name for each in report.languages] == [UNKNOWN]
