"""Target: the reader of server-sent events, fed any bytes in any pieces.

It must give just the events that a plain reading of the whole stream gives, however the stream is cut; know
whether something unfinished is left; refuse what grows beyond its bound and nothing else; and hold no more.
"""

import re
from contextlib import suppress

from spark_lsp.engine import sse
from spark_lsp.engine.sse import EventParser, EventTooLong, ServerEvent

BOUND = 300  # small, so that short inputs reach it
_LINE = re.compile(rb"(.*?)(?:\r\n|\n|\r)", re.DOTALL)


def TestOneInput(data: bytes) -> None:
    """The first byte says how large the pieces are; 0 cuts in growing ones."""
    size, stream = (data[0] % 16, data[1:]) if data else (0, b"")
    was, sse.MAX_EVENT_BYTES = sse.MAX_EVENT_BYTES, BOUND
    try:
        check(pieces(stream, size), stream)
    finally:
        sse.MAX_EVENT_BYTES = was


def pieces(stream: bytes, size: int) -> list[bytes]:
    """Cut a stream."""
    found, at = list[bytes](), 0
    while at < len(stream):
        step = size or len(found) + 1
        found.append(stream[at : at + step])
        at += step
    return found


def check(cut: list[bytes], stream: bytes) -> None:
    """Read it in pieces, and compare with the plain reading."""
    parser, events = EventParser(), list[ServerEvent]()
    expected, unfinished = plain(stream)
    with suppress(EventTooLong):
        for piece in cut:
            events += parser.feed(piece)
        assert events == expected, "the pieces matter"
        assert parser.has_unfinished == unfinished
        return
    assert events == expected[: len(events)], "an event came that is none"
    assert len(stream) > BOUND, "a short stream was refused"


def plain(stream: bytes) -> tuple[list[ServerEvent], bool]:
    """Read a whole stream line by line, as the format is written down."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    events, data, name, end = list[ServerEvent](), list[str](), "", 0
    for match in _LINE.finditer(stream):
        end = match.end()
        key, _, value = match[1].partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if key in (b"data", b"error"):
            data.append(text)
            name = "error" if key == b"error" else name
        elif key == b"event":
            name = text
        elif not match[1]:
            events += [ServerEvent("\n".join(data), name)] if data else []
            data, name = [], ""
    return events, bool(data or stream[end:].strip(b"\n"))
