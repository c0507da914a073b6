"""Two ends joined in memory, under any interleaving of what people, engines and networks do.

What must hold: every request that is still listened to ends exactly once, with the text that its engine
said; no event reaches another request; a cited part arrives as the text it cites; mirrors are equal in
the end; a lost link ends everything, and the next link goes on with the mirror or starts clean; nobody is
sent more unread text than there is credit for.
"""

import json
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.errors import LocalProtocolError
from spark_lsp.request import Part, PartKind, Request, Span, Task
from spark_lsp.text.edits import Edit
from spark_lsp.wire.client import LANES_PER_POOL, ClientConnection
from spark_lsp.wire.client_events import Answered, ClientEvent, Failed, Greeted, Resync
from spark_lsp.wire.credit import ALL_BYTES, ALL_EVENTS, LANE_BYTES, LANE_EVENTS
from spark_lsp.wire.frames import CHUNK_CHARS
from spark_lsp.wire.replica_store import ReplicaStore
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import (
    CursorRested,
    ReplicasResumed,
    RequestCancelled,
    RequestReceived,
    ServerEvent,
)

URIS = st.sampled_from(["file:///a", "file:///b"])
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.integers(1, 3).map(
    lambda times: "long text " * 4000 * times
)
POOLS = st.sampled_from(["ic", "act"])


@dataclass
class Question:
    """A request as its asker sees it."""

    request: Request
    lane: str
    events: list[Event] = field(default_factory=list)
    ends: int = 0
    cancelled: bool = False
    failed: str = ""


@dataclass
class Job:
    """A response as its engine sees it."""

    request: Request
    text: str = ""
    begun: bool = False
    over: bool = False


def name_of(request: Request) -> str:
    """Return the question's name, which ends its instruction, even when rendered for a plain server."""
    return request.instruction[request.instruction.rindex("[") + 1 : -1]


class Joined(RuleBasedStateMachine):
    """See the module's text."""

    @initialize(spark=st.booleans())
    def connect(self, spark: bool) -> None:
        self.spark = spark
        self.links = 0
        self.asked = 0
        self.texts: dict[str, tuple[int, str]] = {}
        self.questions: dict[str, Question] = {}
        self.lanes: dict[str, Question] = {}
        self.client = ClientConnection(spark=spark)
        self.link(None, None)

    def link(self, kept: ReplicaStore | None, earlier: ClientConnection | None) -> None:
        """Connect; `kept` is what the gateway still has of the `earlier` connection."""
        self.links += 1
        self.spoilt = earlier is not None  # changes that were not sent are told whole
        self.kept = kept
        self.client = ClientConnection(spark=self.spark, earlier=earlier)
        self.server = ServerConnection(str(self.links), spark=self.spark, session=str(self.links))
        if self.spark:
            self.server.greet("1", [])
        self.up: deque[str] = deque()
        self.down: deque[str] = deque()
        self.jobs: dict[str, Job] = {}
        self.focused: list[CursorRested] = []
        self.client.restore([(uri, "python", *each) for uri, each in self.texts.items()])

    # A person.

    @rule(uri=URIS, data=st.data(), text=TEXTS, what=st.sampled_from("eeeeorc"))
    def write(self, uri: str, data: st.DataObject, text: str, what: str) -> None:
        if what == "o" or uri not in self.texts:
            self.open(uri, text)
        elif what == "e":
            self.edit(uri, data, text)
        elif what == "r":
            self.client.check_document(uri, *self.texts[uri])
        else:
            del self.texts[uri]
            self.client.close_document(uri)

    def open(self, uri: str, text: str) -> None:
        self.texts[uri] = (self.texts.get(uri, (0, ""))[0] + 1, text)
        self.client.open_document(uri, "python", *self.texts[uri])

    def edit(self, uri: str, data: st.DataObject, new: str) -> None:
        version, text = self.texts[uri]
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        text = text[:start] + new + text[end:]
        self.texts[uri] = (version + 1, text)
        if not self.client.edit_document(uri, version + 1, [Edit(start, end, new)], len(text)):
            self.client.open_document(uri, "python", version + 1, text)

    @rule(uri=URIS, pool=POOLS, data=st.data())
    def ask(self, uri: str, pool: str, data: st.DataObject) -> None:
        parts: tuple[Part, ...] = ()
        if uri in self.texts:
            version, text = self.texts[uri]
            cut = data.draw(st.integers(0, len(text)))
            parts = (Part(PartKind.PREFIX, text[:cut], uri, Span(uri, version, 0, cut)),)
        name = f"q{self.asked}"
        self.asked += 1
        request = Request(Task.COMPLETE if pool == "ic" else Task.EDIT, parts, f"[{name}]")
        try:
            lane = self.client.create(request, pool)
        except LocalProtocolError:
            assert sum(each.startswith(pool) for each in self.client._lanes) == LANES_PER_POOL
            return
        self.questions[name] = self.lanes[lane] = Question(request, lane)

    @precondition(lambda self: self.listening())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        question = data.draw(st.sampled_from(self.listening()))
        question.cancelled = True
        self.client.cancel(question.lane)
        self.client.cancel(question.lane)  # idempotent

    @precondition(lambda self: self.spark)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        """Whoever asked takes what has come; until then the gateway may send no more than its credit."""
        if self.lanes:
            self.client.read(data.draw(st.sampled_from(sorted(self.lanes))))

    def listening(self) -> list[Question]:
        return [each for each in self.questions.values() if not each.ends and not each.cancelled]

    # An engine.

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), texts=st.lists(TEXTS, max_size=3), what=st.sampled_from("  efl"))
    def answer(self, data: st.DataObject, texts: list[str], what: str) -> None:
        response = data.draw(st.sampled_from(list(self.jobs)))
        job = self.jobs[response]
        if not job.begun:
            job.begun = True
            self.act(self.server.write_event(response, Started("local", "m")))
        for text in texts:
            job.text += "" if job.over else text
            self.act(self.server.write_event(response, Chunk(text)))
        if what == "e":
            job.over = True
            self.act(self.server.fail(response, Code.ENGINE_FAILED, "The engine failed."))
        elif what in "fl":
            job.over = True
            self.act(self.server.write_event(response, Finished("stop" if what == "f" else "length")))

    def act(self, events: list[ServerEvent]) -> None:
        for event in events:
            match event:
                case RequestReceived(response, request):
                    assert response not in self.jobs
                    self.jobs[response] = Job(request)
                    self.check_arrived(request)
                case RequestCancelled(response):
                    assert not self.jobs[response].over
                    self.jobs[response].over = True
                case CursorRested():
                    self.focused.append(event)
                case ReplicasResumed(_, documents):
                    self.server.documents.adopt_replicas(self.kept, documents)
                case _:
                    raise AssertionError(event)

    def check_arrived(self, request: Request) -> None:
        sent = self.questions[name_of(request)].request
        if self.spark:
            assert [part.text for part in request.parts] == [part.text for part in sent.parts]
            assert (request.task, request.instruction) == (sent.task, sent.instruction)
        else:
            assert all(part.text in request.instruction for part in sent.parts)

    # A network.

    @rule(numbers=st.tuples(*[st.integers(0, 20)] * 4))
    def carry(self, numbers: tuple[int, int, int, int]) -> None:
        """Write some, let some of it arrive, and the same on the way back."""
        self.up += self.popped(self.client, numbers[0])
        for _ in range(min(numbers[1], len(self.up))):
            self.act(self.server.receive(self.up.popleft(), 0.0))
        self.down += self.popped(self.server, numbers[2])
        for _ in range(min(numbers[3], len(self.down))):
            self.hear(self.client.receive(self.down.popleft()))

    def popped(self, end: ClientConnection | ServerConnection, number: int) -> list[str]:
        return [message for _ in range(number) if (message := end.pop()) is not None]

    def hear(self, events: list[ClientEvent]) -> None:
        for event in events:
            match event:
                case Answered(lane, said):
                    self.take(self.lanes[lane], said)
                case Failed(lane, error):
                    question = self.lanes[lane]
                    assert not question.cancelled
                    question.ends += 1
                    question.failed = error.code
                case Greeted():
                    pass
                case Resync(uri):
                    assert self.spoilt
                    if uri in self.texts:
                        self.client.open_document(uri, "python", *self.texts[uri])
                case _:
                    raise AssertionError(event)

    def take(self, question: Question, said: Event) -> None:
        assert not question.cancelled
        assert not question.ends
        assert isinstance(said, Started) == (not question.events)
        question.events.append(said)
        question.ends += isinstance(said, Finished)

    # Trouble.

    @rule(what=st.sampled_from("lLsssn"), number=st.integers(1, 3))
    def trouble(self, what: str, number: int) -> None:
        if what in "lL":
            self.lose(self.server.documents.replicas.copy() if what == "l" else None)
        elif what == "s" and self.spark:
            self.spoil_a_mirror(number)
        else:
            self.say_what_nobody_knows()

    def lose(self, kept: ReplicaStore | None) -> None:
        before = self.listening()
        self.hear(self.client.lose_connection())
        assert {each.failed for each in before} <= {"connection_lost"}
        assert not self.listening()
        self.link(kept, self.client)

    def spoil_a_mirror(self, number: int) -> None:
        self.spoilt = True
        edit = {
            "type": "spark.doc.edit",
            "doc": f"d{number}",
            "base": -1,
            "version": 5,
            "edits": [],
            "length": 0,
        }
        self.up.append(json.dumps(edit))

    def say_what_nobody_knows(self) -> None:
        self.up.append("noise")
        self.up.append('{"type": "response.steer", "previous_response_id": "resp_9_9", "input": "x"}')
        self.up.append('{"type": "spark.credit", "stream_id": "ic.27", "events": 99, "bytes": -1}')
        self.up.append('{"type": "spark.doc.edit", "doc": 5}')
        self.up.append('{"type": "response.cancel", "stream_id": "ic.27"}')
        self.up.append('{"type": "response.cancel", "response_id": "resp_9_9"}')
        self.down.append('{"type": "spark.credit", "stream_id": "ic.0"}')
        self.down.append('{"type": "response.output_text.delta", "stream_id": "ic.27", "delta": "x"}')
        self.down.append('{"type": "response.completed", "stream_id": "none", "response": {}}')

    # What must hold.

    @invariant()
    def nobody_is_sent_more_than_there_is_credit_for(self) -> None:
        if not getattr(self, "spark", False):
            return
        unread = [lane.unread for lane in self.client._lanes.values()]
        assert all(events <= LANE_EVENTS for events, _ in unread)
        assert all(size <= LANE_BYTES + 4 * CHUNK_CHARS for _, size in unread)
        assert sum(events for events, _ in unread) <= ALL_EVENTS
        assert sum(size for _, size in unread) <= ALL_BYTES + 4 * CHUNK_CHARS

    @invariant()
    def nobody_ends_twice(self) -> None:
        assert all(each.ends <= 1 for each in getattr(self, "questions", {}).values())

    def teardown(self) -> None:
        if not hasattr(self, "client"):
            return
        self.settle()
        self.check_ends()
        if self.spark:
            self.check_mirrors()
        self.check_lanes_are_free()

    def settle(self) -> None:
        """Let all engines finish and all messages arrive."""
        for _ in range(200):
            self.carry((1000, 1000, 0, 0))
            self.check_cancelled_work_is_told()
            for response, job in list(self.jobs.items()):
                if not job.over:
                    job.over = True
                    if not job.begun:
                        self.act(self.server.write_event(response, Started("local", "m")))
                    self.act(self.server.write_event(response, Finished()))
            self.carry((0, 0, 1000, 1000))
            for lane in list(self.client._lanes):
                self.client.read(lane)
            if not (self.up or self.down or self.server.queue or self.server.list_unfinished()):
                message = self.client.pop()
                if message is None:
                    return
                self.up.append(message)
        raise AssertionError("the two never come to rest")

    def check_cancelled_work_is_told(self) -> None:
        if self.spark and not (self.up or self.down or self.server.queue):
            for job in self.jobs.values():
                assert job.over or not self.questions[name_of(job.request)].cancelled

    def check_ends(self) -> None:
        assert not self.listening()
        assert {each.failed for each in self.questions.values()} <= {
            "",
            "connection_lost",
            Code.ENGINE_FAILED,
        }
        said = {name_of(job.request): job.text for job in self.jobs.values()}
        for name, question in self.questions.items():
            if question.ends and not question.failed:
                heard = "".join(each.text for each in question.events if isinstance(each, Chunk))
                assert isinstance(question.events[-1], Finished)
                assert heard == said.get(name, heard)

    def check_mirrors(self) -> None:
        for uri, (version, text) in self.texts.items():
            self.focused.clear()
            self.client.check_document(uri, version, text)
            self.client.focus(uri, version, len(text))
            self.settle()
            assert [each.focus.text for each in self.focused] == [text]
            assert self.focused[0].focus.uri == uri

    def check_lanes_are_free(self) -> None:
        for pool in ("ic", "act"):
            for _ in range(LANES_PER_POOL):
                self.ask_plainly(pool)
            with pytest.raises(LocalProtocolError):
                self.ask_plainly(pool)
        self.settle()
        assert not self.listening()

    def ask_plainly(self, pool: str) -> None:
        name = f"q{self.asked}"
        request = Request(Task.EDIT, (), f"[{name}]")
        lane = self.client.create(request, pool)
        self.asked += 1
        self.questions[name] = self.lanes[lane] = Question(request, lane)


TestJoined = Joined.TestCase
TestJoined.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
