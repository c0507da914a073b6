"""A recorded day becomes a session: where its seconds went."""

import pytest

from spark_lsp.simulate.feel import Step
from spark_lsp.simulate.recorded import ACCEPT, COMPLETE, EDIT, TYPE, Event, read_events

DAY = 1_790_000_000.0


def test_the_seconds_of_a_day_are_counted_once() -> None:
    """Ten seconds of typing with a wait in them, a pause, an edit, an absence, and typing again."""
    found = read_events(
        [
            Event(DAY, TYPE, seconds=10.0, chars=40),
            Event(DAY + 4, COMPLETE, 0.2, 0.5, 800, 20, waited=True),
            Event(DAY + 5, COMPLETE, 0.2, 0.5, 900, 30, waited=False),
            Event(DAY + 10, ACCEPT, chars=12),
            Event(DAY + 30, EDIT, 1.0, 6.0, 2000, 300, waited=True),
            Event(DAY + 1036, TYPE, seconds=3.0, chars=5),
        ]
    )
    *answers, typing, thinking = found.steps
    assert answers == [Step("complete", 0.0, 800, 20), Step("edit", 0.0, 2000, 300)]
    assert (typing.kind, typing.seconds) == ("type", pytest.approx(12.5))
    assert (thinking.kind, thinking.seconds) == ("think", pytest.approx(20.0))
    assert found.waiting_s == pytest.approx(6.5)
    assert found.away_s == pytest.approx(1000.0)
    assert found.active_s == pytest.approx(1039 - 1000)
    assert found.counts == {TYPE: 2, COMPLETE: 2, ACCEPT: 1, EDIT: 1}
    assert found.typed_on == 1


def test_the_order_of_the_rows_does_not_matter() -> None:
    events = [Event(DAY + 9 * n, TYPE, seconds=2.0, chars=3) for n in range(5)]
    assert read_events(events) == read_events(events[::-1])
    assert read_events(events).active_s == pytest.approx(9 * 4 + 2)


def test_an_empty_recording_has_no_seconds() -> None:
    assert read_events([]).active_s == 0
