"""A text ends before its first stop string, however it is cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.stops import StopFilter, find_first

letters = st.text(st.sampled_from("ab\n"), min_size=1, max_size=4)


def test_a_stop_string_over_two_pieces_is_found() -> None:
    stops = StopFilter(("\n\n", "END"))
    assert [stops.feed(piece) for piece in ("one\n", "two E", "N", "D three")] == ["one", "\ntwo ", "", ""]
    assert stops.found
    assert stops.finish() == ""


def test_text_that_only_looked_like_a_stop_comes_at_the_end() -> None:
    stops = StopFilter(("END",))
    assert (stops.feed("the EN"), stops.finish(), stops.found) == ("the ", "EN", False)


def test_the_string_that_is_complete_first_ends_the_text() -> None:
    for pieces in (["aab"], ["aa", "b"], ["a", "a", "b"]):
        stops = StopFilter(("aab", "a"))
        assert "".join(stops.feed(piece) for piece in pieces) == ""
    assert find_first("xabc", ("abc", "b")) == 2


@given(st.lists(letters, max_size=12), st.lists(letters, max_size=4))
def test_pieces_make_no_difference(pieces: list[str], stops: list[str]) -> None:
    stop_filter = StopFilter(tuple(stops))
    text = "".join(stop_filter.feed(piece) for piece in pieces) + stop_filter.finish()
    whole = "".join(pieces)
    end = find_first(whole, stops)
    assert text == whole[:end]
    assert stop_filter.found == (end is not None)
