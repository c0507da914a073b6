"""Events are the same however the stream falls into pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine import sse
from spark_lsp.engine.sse import EventStream
from spark_lsp.errors import EngineError

STREAM = 'data: {"a": "é"}\n\n: comment\nevent: x\ndata:one\r\ndata: two\r\n\r\n\n\ndata: [DONE]\n\n'.encode()
EVENTS = ['{"a": "é"}', "one\ntwo", "[DONE]"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=10))
def test_any_pieces_give_the_same_events(cuts: list[int]):
    stream, events = EventStream(), list[str]()
    borders = [0, *sorted(cuts), len(STREAM)]
    for start, end in itertools.pairwise(borders):
        events += stream.feed(STREAM[start:end])
    assert events == EVENTS
    assert not stream.rest


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_no_bytes_raise_anything_else(pieces: list[bytes]):
    whole = list(EventStream().feed(b"".join(pieces)))
    stream = EventStream()
    assert [event for piece in pieces for event in stream.feed(piece)] == whole


@pytest.mark.parametrize("piece", [b"data: half", b"data: whole\n"])
def test_what_is_not_whole_is_told(piece: bytes):
    stream = EventStream()
    assert stream.feed(piece) == []
    assert stream.rest


def test_an_endless_line_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sse, "LONGEST_LINE", 10)
    with pytest.raises(EngineError, match="no stream of events"):
        EventStream().feed(b"x" * 11)
