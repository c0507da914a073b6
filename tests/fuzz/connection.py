"""Target: the gateway's end of a connection, told anything in any order while engines answer.

Nothing leaves it but the wire's one error, after which the connection is over. Every response ends once, its
events are numbered without a gap on its own lane, no message is larger than 64 KiB, and an engine is asked
for nothing twice.
"""

import json
from collections import defaultdict
from typing import Any

from spark_lsp.answer_events import Chunk, Finished, Started, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import EditFormat
from spark_lsp.wire.frames import DocRef
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import ReplicasResumed, RequestCancelled, RequestReceived, ServerEvent
from tests.fuzz.envelope import built

ENDS = ("response.completed", "response.incomplete", "response.failed")
TEXTS = ("x", "é😀\ud800", "\x00" * 6000, "a long line of text\n" * 400)
STARTED = Started("e", "m", EditFormat.TEXT)
FINISHES = [Finished("stop", Usage(1, 2), Timing(1, 2, 3)), Finished("length"), Finished("cancelled")]


class Gateway:
    """Somebody who serves a connection, badly at times: engines say what they like, in any order."""

    def __init__(self, way: int) -> None:
        self.connection = ServerConnection("f", spark=bool(way & 1), timing=bool(way & 2), session="s")
        self.working: list[str] = []
        self.begun: set[str] = set()
        self.asked: set[str] = set()
        self.ended: set[str] = set()
        self.numbers: defaultdict[str, int] = defaultdict(int)
        self.name = ""

    def hear(self, events: list[ServerEvent]) -> None:
        for event in events:
            match event:
                case RequestReceived(response, _):
                    assert response not in self.asked
                    self.asked.add(response)
                    self.working.append(response)
                case RequestCancelled(response):
                    assert response in self.asked
                case ReplicasResumed(_, documents):
                    self.connection.documents.adopt_replicas(
                        self.connection.documents.replicas.copy(), documents
                    )
                case _:
                    pass

    def work(self, way: int) -> None:
        """An engine says one thing more of a response; a cancelled one's words are late."""
        if not self.working:
            return
        response = self.working[way % len(self.working)]
        if response not in self.begun:
            self.begun.add(response)
            self.hear(self.connection.write_event(response, STARTED, 2.0))
            return
        what = way // 16 % 8
        if what < 4:
            self.hear(self.connection.write_event(response, Chunk(TEXTS[what]), 2.0))
            return
        self.working.remove(response)
        if what < 7:
            self.hear(self.connection.write_event(response, FINISHES[what - 4], 2.0))
        else:
            self.hear(self.connection.fail(response, Code.ENGINE_FAILED, "The engine failed."))

    def write(self, number: int) -> None:
        for _ in range(number):
            message = self.connection.pop()
            if message is None:
                return
            assert len(message.encode()) <= 64 * 1024 or '"delta"' not in message
            self.check(json.loads(message))

    def check(self, told: dict[str, Any]) -> None:
        """Follow each response by the events that bear its id."""
        body = told.get("response", {})
        name = body.get("id", "")
        if not name:
            return
        assert name not in self.ended
        if told["type"] in ENDS:
            self.ended.add(name)
        assert told["sequence_number"] >= self.numbers[name]
        self.numbers[name] = told["sequence_number"] + 1


def TestOneInput(data: bytes) -> None:
    """The first byte says who the client is; then each byte is a message, with a length and its bytes, an
    engine's word, or a turn of the writer."""
    gateway = Gateway(data[0] if data else 0)
    at = 1
    try:
        while at + 1 < len(data):
            at = _step(gateway, data, at)
    except RemoteProtocolError as error:
        if error.code != "too_many_errors":
            raise
        return
    _finish(gateway)


def _step(gateway: Gateway, data: bytes, at: int) -> int:
    kind, way = data[at], data[at + 1]
    if kind < 96:
        gateway.work(way)
        return at + 2
    if kind < 128:
        gateway.write(way)
        return at + 2
    if kind < 144:
        gateway.connection.documents.adopt_replicas(None, [DocRef("d1", way, "")])
        return at + 2
    rest = data[at + 2 : at + 2 + way]
    message = rest.decode("utf-8", "replace") if kind < 152 else built(rest)
    gateway.hear(gateway.connection.receive(message, 1.0))
    return at + 2 + way


def _finish(gateway: Gateway) -> None:
    """Let all engines end and all be read: every response that was asked for has ended."""
    for _ in range(1000):
        for _ in range(len(gateway.working)):
            gateway.work(64)
        for lane in {stream.lane for stream in gateway.connection._streams.values()}:  # pyright: ignore[reportPrivateUsage]
            if gateway.connection.spark:
                give = {"type": "spark.credit", "events": 64, "bytes": 1 << 20}
                named = give if lane is None else {**give, "stream_id": lane}
                gateway.hear(gateway.connection.receive(json.dumps(named), 1.0))
        gateway.write(10_000)
        if not (gateway.working or gateway.connection.list_unfinished() or gateway.connection.queue):
            break
    assert not gateway.connection.list_unfinished()
    assert gateway.asked <= gateway.ended
    assert not gateway.connection.queue
