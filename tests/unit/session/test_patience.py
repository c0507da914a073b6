"""Letters typed while an answer is on its way: when they wait for it, and when they start another one."""

import pytest

from spark_lsp.session.patience import MAX_LETTERS, Patience
from spark_lsp.session.suggestion_stream import CursorRequest, SuggestionStream
from spark_lsp.session.suggestions import Suggestion
from tests.unit.session.test_life_cycle import BASE, CURSOR, INLINE, World

LATENCY = 0.4


def known(**changes: object) -> World:
    """A world whose engine needs `LATENCY` to its first text."""
    world = World(**changes)  # type: ignore[arg-type]
    world.request()
    world.wait(LATENCY)
    world.chunk("zzz")
    world.finish()
    world.change(CURSOR, CURSOR, "y", CURSOR + 1)  # something else
    return world


@pytest.mark.parametrize(("share", "streams"), [(0.3, 3), (0.5, 2)])
def test_letters_wait_for_an_answer_that_has_had_much_of_its_time(share: float, streams: int) -> None:
    world = known()
    world.request()
    world.wait(LATENCY * share)
    world.type("al")
    world.request()
    assert len(world.streams) == streams
    world.chunk("alpha")
    world.finish()
    assert world.texts()[-1] == ("pha" if streams == 2 else "alpha")


def test_before_the_first_answer_nothing_is_known_and_nothing_waits() -> None:
    world = World()
    world.request()
    world.wait(10)
    world.type("a")
    world.request()
    assert len(world.streams) == 2


def test_letters_that_the_first_text_contradicts_get_another_answer_then() -> None:
    world = known()
    world.request()
    world.wait(LATENCY)
    world.type("x")
    made = world.request()
    world.chunk("alpha")
    assert len(world.streams) == 3
    world.chunk("beta")
    world.finish()
    assert world.texts()[-1] == "beta"
    assert made not in world.pending


def test_letters_wait_until_the_first_text_has_as_many() -> None:
    world = known()
    world.request()
    world.wait(LATENCY)
    world.type("al")
    made = world.request()
    world.chunk("a")
    assert made in world.pending
    world.chunk("lpha")
    world.finish()
    assert (len(world.streams), world.texts()[-1]) == (2, "pha")


def test_an_answer_without_text_lets_them_ask_again() -> None:
    world = known()
    world.request()
    world.wait(LATENCY)
    world.type("x")
    world.request()
    for _ in range(2):
        world.finish(world.streams[1])
    assert len(world.streams) == 3


@pytest.mark.parametrize("typed", ["a" * (MAX_LETTERS + 1), "a\n"])
def test_many_letters_and_new_lines_do_not_wait(typed: str) -> None:
    world = known()
    world.request()
    world.wait(LATENCY)
    world.type(typed)
    world.request()
    assert len(world.streams) == 3


def test_the_average_follows_the_newest_answers_and_leaves_out_what_is_no_measurement() -> None:
    patience = Patience()
    suggestion = Suggestion(BASE, CURSOR, CURSOR)
    patience.note_first_text(SuggestionStream(suggestion, started_at=1.0, attempts=1), 2.0)
    assert patience.latency == 1.0
    patience.note_first_text(SuggestionStream(suggestion, started_at=1.0, attempts=1), 3.0)
    assert patience.latency is not None
    assert 1.0 < patience.latency < 2.0
    before = patience.latency
    for changes in ({"attempts": 2}, {"is_ahead": True}, {"adopted_at": ("", BASE, CURSOR)}):
        values = {"attempts": 1, **changes}
        patience.note_first_text(SuggestionStream(suggestion, started_at=1.0, **values), 9.0)
    assert patience.latency == before


def test_a_stream_with_text_needs_no_permission() -> None:
    patience = Patience(latency=0.1)
    stream = SuggestionStream(Suggestion(BASE, CURSOR, CURSOR, "al"))
    patience.allow_letters(stream, CursorRequest(INLINE, BASE.splice(CURSOR, CURSOR, "x"), CURSOR + 1), 9.0)
    assert stream.awaited_letters == 0
