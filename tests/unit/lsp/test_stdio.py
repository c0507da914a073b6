"""Framing on descriptors: bodies in pieces, odd headers, a reader that is slow, an editor that is gone."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.lsp import stdio
from spark_lsp.lsp.stdio import FramingError, QueueLimit, Reader, Writer, content_length, replacement_key
from tests.patience import PATIENCE


def read_all(data: bytes, pieces: int = 65_536) -> tuple[list[bytes | None], int, str]:
    """Return what a reader makes of a stream that comes in pieces: bodies, refusals, the error."""
    bodies: list[bytes | None] = []
    refused: list[int] = []
    source, sink = os.pipe()
    reader = Reader(source, bodies.append, lambda: refused.append(1))
    reader.start()
    try:
        for start in range(0, len(data), pieces):
            os.write(sink, data[start : start + pieces])
    finally:
        os.close(sink)
        reader.join(10)
        os.close(source)
    assert not reader.is_alive()
    return bodies, len(refused), reader.error


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 40))
def test_bodies_are_found_however_the_stream_is_cut(bodies: list[bytes], pieces: int) -> None:
    stream = b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies)
    assert read_all(stream, pieces) == ([*bodies, None], 0, "")


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"Content-Length: 5", 5),
        (b"content-length:5", 5),
        (b"X: y\r\nCONTENT-LENGTH:  5  \r\nContent-Type: z", 5),
        (b"Content-Length: 5\r\nContent-Length: 5", 5),
        (b"no colon\r\nContent-Length: 007", 7),
    ],
)
def test_a_length_is_read_from_any_sensible_header(header: bytes, length: int) -> None:
    assert content_length(header) == length


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Content-Length:",
        b"Content-Length: -1",
        b"Content-Length: 1.0",
        b"Content-Length: 0x10",
        b"Content-Length: 1_0",
        b"Content-Length: \xc2\xb2",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: " + b"1" * 5_000,
    ],
)
def test_a_header_without_one_length_is_an_error(header: bytes) -> None:
    with pytest.raises(FramingError):
        content_length(header)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_header_raises_anything_else(header: bytes) -> None:
    with suppress(FramingError):
        assert content_length(header) >= 0


@pytest.mark.parametrize(
    "stream",
    [
        b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        b"Content-Length: 99999999999999\r\n\r\n",
        b"Content-Length: 10\r\n\r\nshort",
        b"y" * (stdio.MAX_HEADER + 100),
        b"\r\n\r\n",
    ],
)
def test_what_cannot_be_cut_ends_the_stream_with_an_error(stream: bytes) -> None:
    bodies, refused, error = read_all(stream)
    assert (bodies, refused) == ([None], 0)
    assert error


@pytest.mark.parametrize("pieces", [1_000, stdio.MAX_HEADER + 3, 65_536])
def test_how_long_a_header_may_be_does_not_depend_on_the_pieces(pieces: int) -> None:
    header = b"Content-Length: 2\r\nX: ".ljust(stdio.MAX_HEADER, b"y")
    assert read_all(header + b"\r\n\r\n{}", pieces) == ([b"{}", None], 0, "")
    assert read_all(header + b"y\r\n\r\n{}", pieces) == ([None], 0, "a header is too long")


def test_a_stream_that_ends_between_messages_has_no_error() -> None:
    assert read_all(b"Content-Length: 2\r\n\r\n{}Content-Le") == ([b"{}", None], 0, "")


def test_a_large_body_is_skipped_and_the_next_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "MAX_BODY", 100)
    stream = b"Content-Length: 5000\r\n\r\n" + b"x" * 5_000 + b"Content-Length: 2\r\n\r\n{}"
    assert read_all(stream, 700) == ([b"{}", None], 1, "")
    assert read_all(b"Content-Length: 5000\r\n\r\nxx")[::2] == ([None], "the stream ended inside a message")


def test_everything_written_arrives_in_order_and_close_waits_for_it() -> None:
    source, sink = os.pipe()
    writer = Writer(sink, lambda: pytest.fail("nothing was lost"))
    writer.start()
    for number in range(200):
        writer.write(b"%d;" % number)
    writer.close()
    os.close(sink)
    assert not writer.is_alive()
    assert os.read(source, 65_536) == b"".join(b"%d;" % number for number in range(200))
    os.close(source)


def test_an_editor_that_is_gone_is_noticed_once() -> None:
    source, sink = os.pipe()
    os.close(source)
    lost: list[int] = []
    writer = Writer(sink, lambda: lost.append(1))
    writer.start()
    writer.write(b"x")
    until(lambda: lost)
    writer.write(b"y")
    writer.close()
    os.close(sink)
    assert lost == [1]
    assert writer.lost


def stuck(on_lost: Callable[[], None]) -> tuple[Writer, int, int]:
    """Return a writer whose pipe is full, with both of its ends."""
    source, sink = os.pipe()
    writer = Writer(sink, on_lost)
    writer.start()
    writer.write(b"x" * 1_000_000)
    return writer, source, sink


def drain(source: int, sink: int, writer: Writer) -> bytes:
    """Read all that a writer still has, then end it."""
    pieces: list[bytes] = []

    def read() -> None:
        while piece := os.read(source, 65_536):
            pieces.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    writer.close()
    writer.join(5)
    os.close(sink)
    reader.join(5)
    os.close(source)
    return b"".join(pieces)


def test_a_stalled_editor_loses_what_only_paints_and_nothing_else() -> None:
    writer, source, sink = stuck(lambda: pytest.fail("nothing was lost"))
    paint = b'Content-Length: 9\r\n\r\n{"method": "spark/status", "at": %d}'
    for number in range(stdio.MAX_QUEUED_UPDATES * 3):
        writer.write(paint % number)
    for number in range(100):
        writer.write(b"<answer %d>" % number)
    written = drain(source, sink, writer)
    assert written.count(b"spark/status") <= stdio.MAX_QUEUED_UPDATES + 2
    assert all(b"<answer %d>" % number in written for number in range(100))


def test_an_editor_that_reads_nothing_for_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "MAX_QUEUED_BYTES", 2_000_000)
    lost: list[int] = []
    writer, source, sink = stuck(lambda: lost.append(1))
    for _ in range(100):
        writer.write(b"y" * 100_000)
    assert lost == [1]
    assert len(drain(source, sink, writer)) < 2_200_000


@pytest.mark.parametrize(
    ("message", "picture"),
    [
        ({"method": "spark/status", "params": {"state": "ready"}}, ("spark/status", "")),
        (
            {"method": "spark/inlineCompletion", "params": {"token": 7, "done": False}},
            ("spark/inlineCompletion", "7"),
        ),
        ({"method": "spark/inlineCompletion", "params": {"token": 7, "done": True}}, None),
        (
            {"params": {"token": "x", "value": {"kind": "report"}}, "method": "$/progress"},
            ("$/progress", "x"),
        ),
        ({"params": {"token": "x", "value": {"kind": "begin"}}, "method": "$/progress"}, None),
        ({"params": {"token": "x", "value": {"kind": "end"}}, "method": "$/progress"}, None),
        ({"id": 3, "result": {"text": ["$/progress"]}}, None),
        ({"id": 3, "result": {"text": '"$/progress"'}}, None),
        ({"method": "spark/edit", "params": {}}, None),
    ],
)
def test_only_what_a_newer_message_makes_stale_gives_its_place_up(
    message: dict[str, object], picture: tuple[str, ...] | None
) -> None:
    body = json.dumps(message).encode()
    assert replacement_key(b"Content-Length: %d\r\n\r\n%b" % (len(body), body)) == picture


def test_the_newest_picture_of_each_kind_is_what_arrives() -> None:
    writer, source, sink = stuck(lambda: pytest.fail("nothing was lost"))
    for number in range(stdio.MAX_QUEUED_UPDATES * 2):
        writer.write(b"<answer %d>" % number)
    for number in range(1_000):
        for token in (b"a", b"b"):
            writer.write(
                b'Content-Length: 9\r\n\r\n{"method": "$/progress", "params": '
                b'{"token": "%b", "value": {"kind": "report", "message": "%d"}}}' % (token, number)
            )
    written = drain(source, sink, writer)
    assert written.count(b"$/progress") == 2
    assert written.count(b'"999"') == 2
    assert written.count(b"<answer") == stdio.MAX_QUEUED_UPDATES * 2


def test_room_is_bounded_by_number_and_by_size_and_fits_one_of_any_size() -> None:
    room = QueueLimit(2, 100)
    room.acquire(1_000)
    taken: list[int] = []

    def take() -> None:
        for size in (60, 40, 1):
            room.acquire(size)
            taken.append(size)

    taker = threading.Thread(target=take)
    taker.start()
    time.sleep(0.02)
    assert taken == []
    room.release(1_000)
    until(lambda: taken == [60, 40])
    time.sleep(0.02)
    assert taken == [60, 40]  # by number
    room.release(60)
    taker.join(5)
    assert taken == [60, 40, 1]


def test_a_loop_reads_where_it_can_wait() -> None:
    bodies: list[bytes | None] = []

    async def read() -> bool:
        source, sink = os.pipe()
        watched = Reader(source, bodies.append, lambda: None).watch(asyncio.get_running_loop())
        os.write(sink, b"Content-Length: 2\r\n\r\n{}Content-Len")
        os.write(sink, b"gth: 4\r\n\r\nnull")
        while len(bodies) < 2:
            await asyncio.sleep(0.001)
        os.close(sink)
        while None not in bodies:
            await asyncio.sleep(0.001)
        os.close(source)
        return watched

    assert asyncio.run(read())
    assert bodies == [b"{}", b"null", None]


def test_a_file_is_left_to_the_thread(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"")

    async def watched() -> bool:
        with (tmp_path / "input").open("rb") as file:
            return Reader(file.fileno(), lambda _: None, lambda: None).watch(asyncio.get_running_loop())

    assert not asyncio.run(watched())


def test_a_pipe_with_room_is_written_at_once_and_in_order() -> None:
    source, sink = os.pipe()
    writer = Writer(sink, lambda: None)  # its thread is never started
    writer.write(b"one")
    assert os.read(source, 100) == b"one"
    large = bytes(stdio.DIRECT_WRITE_BYTES + 1)
    writer.write(large)
    writer.write(b"two")  # must wait behind the large one
    writer.start()
    got = b""
    while len(got) < len(large) + 3:
        got += os.read(source, 65_536)
    assert got == large + b"two"
    writer.close()
    os.close(source)
    os.close(sink)
