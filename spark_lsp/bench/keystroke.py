"""Figure 11: the bytes sent for one keystroke and the request after it. Pure.

Our messages count as written to the socket, with the WebSocket's header and mask. The HTTP request counts
with its body alone, as JSON by orjson; its headers would add some hundred bytes.
"""

from dataclasses import dataclass

from spark_lsp.bench.question import Question
from spark_lsp.session import context
from spark_lsp.text.document import Document
from spark_lsp.wire.client import ClientConnection

MASK = 4


@dataclass(frozen=True, slots=True)
class Bytes:
    """The bytes of one keystroke: the change, and the request after it."""

    change: int
    request: int

    @property
    def both(self) -> int:
        """The two together."""
        return self.change + self.request


def ours(document: Document, questions: list[Question]) -> list[Bytes]:
    """Return the bytes of each question on a connection that has mirrored `document`."""
    wire = ClientConnection(spark=True)
    wire.open_document(document.uri, document.language, document.version, document.text)
    _count_sent_bytes(wire)
    counted: list[Bytes] = []
    for question in questions:
        now = question.document
        wire.edit_document(now.uri, now.version, question.edits, len(now))
        change = _count_sent_bytes(wire)
        request = context.build_completion(
            now, question.offset
        )  # the shortest form, which the language server uses
        lane = wire.create(request, "ic")
        counted.append(Bytes(change, _count_sent_bytes(wire)))
        wire.cancel(lane)
        _count_sent_bytes(wire)
        wire.receive(ENDED % lane)
    return counted


ENDED = (
    '{"type":"response.incomplete","stream_id":"%s","response":{"incomplete_details":{"reason":"cancelled"}}}'
)


def _count_sent_bytes(wire: ClientConnection) -> int:
    """Take all pending output and return its number of bytes on the socket."""
    total = 0
    while (message := wire.pop()) is not None:
        total += frame_length(len(message.encode()))
    return total


def frame_length(length: int) -> int:
    """Return the length of a client's WebSocket frame with that much payload (RFC 6455, section 5.2)."""
    extended = 0
    if length >= 65_536:
        extended = 8
    elif length >= 126:
        extended = 2
    return 2 + extended + MASK + length
