"""Server-sent events: the same bytes give the same events however they were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine import sse
from spark_lsp.engine.sse import EventParser, EventTooLong, ServerEvent


def whole(data: bytes) -> list[ServerEvent]:
    return EventParser().feed(data)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_ends_lines(end: bytes) -> None:
    data = end.join([b"data: a", b"", b"data: b", b"", b": behind the last event"])
    assert whole(data) == [ServerEvent("a"), ServerEvent("b")]


def test_a_stream_may_begin_with_a_byte_order_mark() -> None:
    parser = EventParser()
    assert [parser.feed(piece) for piece in (b"", b"\xef", b"\xbb", b"\xbfdata: a\n", b"\n")][-1] == [
        ServerEvent("a")
    ]


def test_several_data_lines_are_joined_and_names_are_kept() -> None:
    assert whole(b"event: e\ndata: a\ndata:b\ndata\nid: 7\nretry: 1\nnew: x\n\n") == [
        ServerEvent("a\nb\n", "e")
    ]


def test_comments_and_events_without_data_are_nothing() -> None:
    assert whole(b": ping\n\nevent: gone\n\ndata: a\n\n") == [ServerEvent("a")]


def test_only_the_first_blank_behind_the_colon_is_taken_off() -> None:
    assert whole(b"data:  a \n\n") == [ServerEvent(" a ")]


def test_what_is_no_utf8_becomes_replacement_characters() -> None:
    assert whole(b"data: \xff\xfe\n\n") == [ServerEvent("\ufffd\ufffd")]


def test_a_cut_line_is_no_event_and_is_told() -> None:
    parser = EventParser()
    assert parser.feed(b'data: {"a": 1}\n\ndata: {"b"') == [ServerEvent('{"a": 1}')]
    assert parser.has_unfinished
    assert not EventParser().has_unfinished
    parser = EventParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.has_unfinished


def test_a_carriage_return_ends_a_line_at_once_and_its_line_feed_is_no_other() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\r\n\r") == [ServerEvent("a")]
    assert parser.feed(b"\n") == []
    assert not parser.has_unfinished
    assert parser.feed(b"data: b\r") == []
    assert parser.feed(b"\ndata: c\r\r") == [ServerEvent("b\nc")]


@pytest.mark.parametrize("piece", [b"x" * 100, b"data: " + b"x" * 60 + b"\n"])
def test_what_never_ends_is_refused(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    with pytest.raises(EventTooLong):
        fed(piece, 30)


def fed(piece: bytes, times: int) -> None:
    parser = EventParser()
    for _ in range(times):
        parser.feed(piece)


PIECES = st.sampled_from(
    [b"data: ", b"data", b":", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"event: e", b"\xef\xbb\xbf"]
)
STREAMS = st.lists(st.one_of(PIECES, st.binary(max_size=6)), max_size=40).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 9), max_size=60))
def test_how_the_bytes_are_cut_does_not_matter(data: bytes, sizes: list[int]) -> None:
    parser, events, at = EventParser(), list[ServerEvent](), 0
    for size in sizes:
        events += parser.feed(data[at : at + size])
        at += size
    events += parser.feed(data[at:])
    plain = EventParser()
    assert events == plain.feed(data)
    assert parser.has_unfinished == plain.has_unfinished


def test_llama_cpp_s_error_field_is_an_error_event() -> None:
    assert EventParser().feed(b'error: {"code": 500}\n\ndata: 1\n\n') == [
        ServerEvent('{"code": 500}', "error"),
        ServerEvent("1"),
    ]
