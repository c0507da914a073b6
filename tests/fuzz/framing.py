"""Target: the reader of LSP's frames, fed any bytes in any pieces.

It must find just the bodies that a plain reading of the whole stream finds, however the stream is cut; refuse
what is too large and go on behind it; end once, without any other error; and never hold more than a header or
a body and the piece that was read last.
"""

import re
from contextlib import contextmanager

from spark_lsp.lsp import stdio
from spark_lsp.lsp.stdio import BodySplitter, FramingError

HEADER, BODY = 128, 300  # small limits, so that short inputs reach them
ABSURD = 1 << 40
_LENGTH = re.compile(rb"\s*content-length\s*", re.IGNORECASE)
_NUMBER = re.compile(rb"\s*([0-9]{1,20})\s*")

Outcome = tuple[list[bytes | None], int, bool]  # bodies, how many were refused, whether it ended in an error


@contextmanager
def small_limits():
    """Lower the reader's limits."""
    were = stdio.MAX_HEADER, stdio.MAX_BODY
    stdio.MAX_HEADER, stdio.MAX_BODY = HEADER, BODY
    try:
        yield
    finally:
        stdio.MAX_HEADER, stdio.MAX_BODY = were


def read(pieces: list[bytes]) -> Outcome:
    """Return what our reader makes of a stream in pieces: bodies to the end, refusals, and an error."""
    bodies: list[bytes | None] = []
    refused: list[bool] = []
    stream = BodySplitter(bodies.append, lambda: refused.append(True))
    largest = max(map(len, pieces), default=0)
    broken = False
    try:
        for piece in pieces:
            stream.feed(piece)
            held = len(stream._buffer)  # pyright: ignore[reportPrivateUsage]
            assert held <= max(HEADER + 3, BODY) + largest, "too much is held"
        stream.end()
    except FramingError:
        broken = True
    return [*bodies, None], len(refused), broken


def expected(stream: bytes) -> Outcome:
    """Return what the whole stream holds, read plainly."""
    bodies: list[bytes | None] = []
    refused = 0
    while True:
        header, end, rest = stream.partition(b"\r\n\r\n")
        if not end:
            return [*bodies, None], refused, len(stream) > HEADER + 3
        length = length_of(header) if len(header) <= HEADER else None
        if length is None or length > ABSURD or len(rest) < length:
            return [*bodies, None], refused, True
        if length > BODY:
            refused += 1
        else:
            bodies.append(rest[:length])
        stream = rest[length:]


def length_of(header: bytes) -> int | None:
    """Return the one length that a header names, or None."""
    named = [line.split(b":", 1) for line in header.split(b"\r\n") if b":" in line]
    values = [_NUMBER.fullmatch(value) for name, value in named if _LENGTH.fullmatch(name)]
    numbers = {int(value[1]) if value else None for value in values}
    return numbers.pop() if len(numbers) == 1 else None


def cut(stream: bytes, seed: int) -> list[bytes]:
    """Return the stream in pieces of a few lengths that follow from `seed`."""
    sizes = (1 + seed % 7, 1 + seed // 7 % 60, 1 + seed % 2)
    pieces: list[bytes] = []
    at = 0
    while at < len(stream):
        pieces.append(stream[at : at + sizes[len(pieces) % 3]])
        at += len(pieces[-1])
    return pieces


def TestOneInput(data: bytes) -> None:
    """The first byte says how the others are cut."""
    stream = data[1:]
    with small_limits():
        due = expected(stream)
        assert read([stream]) == due
        assert read(cut(stream, data[0] if data else 0)) == due
        more = stream + b"content-length: 2\r\n\r\n{}"  # is it found, where it can be?
        assert read(cut(more, len(data))) == expected(more)
