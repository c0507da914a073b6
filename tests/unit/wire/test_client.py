"""The server's end: lanes of a fixed pool, cancels before bulk, and answers in words fit for a person."""

import json
from typing import Any

import pytest

from spark_lsp.answer_events import Chunk, Draft, Event, Finished, Started, Timing, Usage
from spark_lsp.errors import EngineError, LocalProtocolError, RemoteProtocolError
from spark_lsp.request import EditFormat, EngineInfo, Part, PartKind, Request, Span, Task
from spark_lsp.text.edits import Edit
from spark_lsp.wire.client import LANES_PER_POOL, MAX_MESSAGE_BYTES, ClientConnection
from spark_lsp.wire.client_events import Answered, EnginesChanged, Failed, Greeted, Leaving, Resync
from spark_lsp.wire.credit import LANE_EVENTS
from spark_lsp.wire.frames import CHUNK_CHARS
from spark_lsp.wire.replica_store import digest

ASK = Request(Task.COMPLETE, instruction="q", model="completion")
URI = "file:///a.py"


@pytest.fixture
def client() -> ClientConnection:
    return ClientConnection(spark=True)


@pytest.fixture
def plain() -> ClientConnection:
    return ClientConnection(spark=False)


def written(client: ClientConnection) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while (message := client.pop()) is not None:
        messages.append(json.loads(message))
    return messages


def types(client: ClientConnection) -> list[str]:
    return [message["type"] for message in written(client)]


def hear(client: ClientConnection, kind: str, lane: str | None = "ic.0", **fields: Any) -> list[Any]:
    event = {"type": kind, **fields} if lane is None else {"type": kind, "stream_id": lane, **fields}
    return client.receive(json.dumps(event))


def answers(events: list[Any]) -> list[Event]:
    assert all(isinstance(event, Answered) and event.lane == "ic.0" for event in events)
    return [event.event for event in events]


def completed(client: ClientConnection, lane: str = "ic.0") -> list[Any]:
    return hear(client, "response.completed", lane, response={"id": "r"})


# Lanes.


def test_the_lowest_free_lane_is_taken_and_names_stay_few(client: ClientConnection):
    assert [client.create(ASK, "ic") for _ in range(3)] == ["ic.0", "ic.1", "ic.2"]
    assert client.create(ASK, "act") == "act.0"
    completed(client, "ic.1")
    assert client.create(ASK, "ic") == "ic.1"
    assert 2 * LANES_PER_POOL <= 32


def test_no_lane_is_left(client: ClientConnection):
    for _ in range(LANES_PER_POOL):
        client.create(ASK, "ic")
    with pytest.raises(LocalProtocolError, match="Too many requests at once"):
        client.create(ASK, "ic")
    assert client.create(ASK, "act") == "act.0"


def test_a_cancelled_lane_is_free_only_after_its_terminal(client: ClientConnection):
    client.create(ASK, "ic")
    client.cancel("ic.0")
    assert client.create(ASK, "ic") == "ic.1"
    assert hear(client, "response.created", response={}) == []
    assert hear(client, "response.output_text.delta", delta="x") == []
    assert completed(client) == []
    assert client.create(ASK, "ic") == "ic.0"


def test_a_cancel_goes_before_bulk_but_never_before_its_request(client: ClientConnection):
    client.create(ASK, "ic")
    written(client)
    client.open_document(URI, "python", 1, "x" * CHUNK_CHARS * 3)
    client.create(ASK, "ic")
    client.cancel("ic.0")
    client.cancel("ic.1")
    sent = [(message["type"].removeprefix("spark."), message.get("stream_id")) for message in written(client)]
    assert sent == [
        ("response.cancel", "ic.0"),
        ("doc.open", None),
        ("doc.chunk", None),
        ("doc.chunk", None),
        ("response.create", "ic.1"),
        ("response.cancel", "ic.1"),
    ]


def test_a_cancel_is_sent_once_and_a_late_one_never(client: ClientConnection):
    client.create(ASK, "ic")
    client.cancel("ic.0")
    client.cancel("ic.0")
    client.cancel("ic.5")
    assert types(client) == ["response.create", "response.cancel"]
    completed(client)
    client.cancel("ic.0")
    assert types(client) == []


def test_a_lost_link_ends_all_that_is_listened_to(client: ClientConnection):
    client.create(ASK, "ic")
    client.create(ASK, "act")
    client.create(ASK, "act")
    client.cancel("act.0")
    failed = client.lose_connection()
    assert [event.lane for event in failed if isinstance(event, Failed)] == ["ic.0", "act.1"]
    (error,) = {event.error for event in failed if isinstance(event, Failed)}
    assert (error.code, error.retryable) == ("connection_lost", True)
    assert str(error).startswith("The connection to the gateway was lost. ")
    assert client.lose_connection() == []


@pytest.mark.parametrize(("factor", "fits"), [(1.0, False), (0.9, True)])
def test_a_request_that_would_cost_the_connection_is_not_sent(
    client: ClientConnection, factor: float, fits: bool
):
    text = "x" * int(MAX_MESSAGE_BYTES * factor)
    request = Request(Task.EDIT, (Part(PartKind.FILE, text),))
    if fits:
        assert client.create(request, "act") == "act.0"
        return
    with pytest.raises(EngineError) as caught:
        client.create(request, "act")
    assert (caught.value.code, caught.value.retryable) == ("context_length_exceeded", False)
    assert not client.pending
    assert client.create(ASK, "act") == "act.0"


# Answers.


def test_an_answer(client: ClientConnection):
    client.create(ASK, "ic")
    who = {"engine": "gpu", "model": "m", "format": "replace", "simulated": True}
    events = hear(client, "response.created", response={"id": "r", "spark": who})
    events += hear(client, "response.in_progress", response={"id": "r"})
    events += hear(client, "response.output_text.delta", delta="x", sequence_number=3)
    events += hear(client, "response.output_text.delta", delta="")
    timing = {"queue_ms": 1.0, "prefill_ms": 2.0, "decode_ms": 3.0, "simulated": True}
    timing |= {"true_ttft_ms": 4.0, "true_decode_ms": 3.5, "buffer_ms": 0.5, "source_limited": True}
    events += hear(client, "spark.timing", response_id="r", timing=timing)
    usage = {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}
    events += hear(client, "response.completed", response={"id": "r", "usage": usage})
    assert answers(events) == [
        Started("gpu", "m", EditFormat.REPLACE, True),
        Chunk("x"),
        Finished("stop", Usage(9, 2, 4), Timing(1.0, 2.0, 3.0, True, 4.0, 3.5, 0.5, True)),
    ]


def test_an_unknown_edit_format_is_text(client: ClientConnection):
    client.create(ASK, "ic")
    events = hear(
        client, "response.created", response={"spark": {"engine": "e", "model": "m", "format": "x"}}
    )
    assert answers(events) == [Started("e", "m", EditFormat.TEXT)]


@pytest.mark.parametrize("opening", ["response.created", "response.output_text.delta", "response.completed"])
def test_an_answer_always_begins_with_started(plain: ClientConnection, opening: str):
    plain.create(ASK, "ic")
    events = hear(plain, opening, response={"model": "completion"}, delta="x")
    events += hear(plain, "response.created", response={"model": "completion"})
    events += hear(plain, "response.output_text.delta", delta="y")
    events += completed(plain)
    said = answers(events)
    assert said[0] == Started("remote", "completion")
    assert sum(isinstance(event, Started) for event in said) == 1
    assert said[-1] == Finished()


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "cancelled"}, "cancelled"),
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": None}, "length"),
        (None, "length"),
    ],
)
def test_an_answer_that_ends_early(client: ClientConnection, details: object, reason: str):
    client.create(ASK, "ic")
    hear(client, "response.created", response={})
    events = hear(client, "response.incomplete", response={"incomplete_details": details})
    assert [event.reason for event in answers(events) if isinstance(event, Finished)] == [reason]


@pytest.mark.parametrize(
    ("error", "code", "message", "retryable"),
    [
        (
            {"code": "model_not_found", "message": "No such model."},
            "model_not_found",
            "No such model.",
            False,
        ),
        ({"code": "engine_unavailable", "message": "Off."}, "engine_unavailable", "Off.", True),
        ({"code": None, "message": ""}, "engine_failed", "The engine failed.", True),
        (None, "engine_failed", "The engine failed.", True),
    ],
)
def test_a_failure_is_an_engine_error(
    client: ClientConnection, error: Any, code: str, message: str, retryable: bool
):
    client.create(ASK, "ic")
    (event,) = hear(client, "response.failed", response={"error": error})
    assert isinstance(event, Failed)
    assert isinstance(event.error, EngineError)
    assert (event.error.code, str(event.error), event.error.retryable) == (code, message, retryable)
    assert client.create(ASK, "ic") == "ic.0"


def test_an_error_on_a_lane_ends_its_request(client: ClientConnection):
    client.create(ASK, "ic")
    (event,) = hear(
        client, "error", status=400, error={"code": "unsupported_content", "message": "No images."}
    )
    assert (event.lane, event.error.code, str(event.error)) == ("ic.0", "unsupported_content", "No images.")
    assert hear(client, "error", error={"message": "again"}) == []


def test_an_error_on_a_lane_that_nobody_listens_to_frees_it(client: ClientConnection):
    client.create(ASK, "ic")
    client.cancel("ic.0")
    assert hear(client, "error", error={"code": "document_unknown"}) == []
    assert client.create(ASK, "ic") == "ic.0"


def test_a_draft_may_come_before_the_answer_begins(client: ClientConnection):
    client.create(ASK, "ic")
    draft = {"text": "a = 1", "match_tokens": 18, "agreement": 0.8, "count": 5}
    assert hear(client, "spark.draft", **draft) == [Answered("ic.0", Draft("a = 1", 18, 0.8, 5))]
    (started, chunk) = hear(client, "response.output_text.delta", delta="x")
    assert (started.event, chunk.event) == (Started("remote", "completion"), Chunk("x"))
    assert hear(client, "spark.draft", text="") == []
    client.cancel("ic.0")
    assert hear(client, "spark.draft", **draft) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, None),
        ({"confidence": 0.25}, 0.25),
        ({"confidence": 1}, 1.0),
        ({"confidence": None}, None),
        ({"confidence": 1.5}, None),
        ({"confidence": -1}, None),
        ({"confidence": "high"}, None),
        ({"confidence": [0.5]}, None),
    ],
)
def test_a_delta_may_report_the_confidence(
    client: ClientConnection, said: dict[str, Any], expected: float | None
):
    client.create(ASK, "ic")
    (_, chunk) = hear(client, "response.output_text.delta", delta="x", **said)
    assert chunk.event == Chunk("x", expected)


@pytest.mark.parametrize("lane", ["ic.7", "", None])
def test_what_belongs_to_no_request_is_ignored(client: ClientConnection, lane: str | None):
    client.create(ASK, "ic")
    for kind in ("response.created", "response.completed", "response.failed"):
        assert hear(client, kind, lane, response={}) == []
    assert hear(client, "response.output_text.delta", lane, delta="x") == []
    assert hear(client, "error", lane, error={}) == []
    assert hear(client, "spark.timing", lane, response_id="r", timing={}) == []
    assert hear(client, "spark.draft", lane, text="x") == []
    assert hear(client, "no.such.event", lane) == []
    assert len(client.lose_connection()) == 1


@pytest.mark.parametrize(
    "message", [b"x", "x", "[]", '{"type":"spark.hello"}', '{"type":"response.created"}']
)
def test_what_is_not_of_this_protocol(client: ClientConnection, message: str | bytes):
    with pytest.raises(RemoteProtocolError):
        client.receive(message)


# The gateway.


def test_what_the_gateway_says_of_itself(client: ClientConnection):
    engine = {"name": "gpu", "kind": "openai", "model": "m", "state": "off", "reason": "No key.", "future": 1}
    info = EngineInfo("gpu", "openai", "m", state="off", reason="No key.")
    limits = {"max_in_flight": 16, "max_lanes": 32, "max_message_bytes": 1}
    assert hear(client, "spark.hello", None, version="1", engines=[engine], **limits) == [
        Greeted("1", (info,))
    ]
    events = hear(client, "spark.status", None, engines=[engine], problems=["p"])
    assert events == [EnginesChanged((info,), ("p",))]
    assert hear(client, "spark.goaway", None, reason="bye") == [Leaving("bye")]


def test_drafts_can_be_turned_off(client: ClientConnection):
    client.configure({}, {}, {}, drafts=False)
    assert written(client) == [{"type": "spark.configure", "drafts": False}]


def test_settings_go_first(client: ClientConnection):
    client.create(ASK, "ic")
    client.configure({"e": {"kind": "replay"}}, {"edit": ("e",)}, {})
    configure, create = written(client)
    expected = {"type": "spark.configure", "engines": {"e": {"kind": "replay"}}, "routes": {"edit": ["e"]}}
    assert configure == expected
    assert create["type"] == "response.create"


# Documents.


def test_a_long_document_goes_in_chunks(client: ClientConnection):
    text = "abc" * CHUNK_CHARS
    client.open_document(URI, "python", 1, text)
    head, *chunks = written(client)
    assert (head["type"], head["uri"], head["language"], head["length"]) == (
        "spark.doc.open",
        URI,
        "python",
        len(text),
    )
    assert head["text"] + "".join(chunk["text"] for chunk in chunks) == text
    assert {len(piece["text"]) for piece in (head, *chunks)} == {CHUNK_CHARS}


def test_changes_are_deltas_with_what_they_build_on(client: ClientConnection):
    client.open_document(URI, "python", 1, "abc")
    assert client.edit_document(URI, 4, [Edit(0, 1, "x"), Edit(3, 3, "y")], 4)
    assert client.edit_document(URI, 5, [], 4)
    client.check_document(URI, 5, "xbcy")
    client.focus(URI, 5, 2)
    client.close_document(URI)
    _, first, second, check, focus, close = written(client)
    assert (first["base"], first["version"], first["edits"], first["length"]) == (
        1,
        4,
        [[0, 1, "x"], [3, 3, "y"]],
        4,
    )
    assert (second["base"], second["version"]) == (4, 5)
    assert check == {"type": "spark.doc.check", "doc": "d1", "version": 5, "hash": check["hash"]}
    assert focus == {"type": "spark.doc.focus", "doc": "d1", "version": 5, "offset": 2}
    assert close == {"type": "spark.doc.close", "doc": "d1"}


def test_what_cannot_be_a_delta_is_left_to_the_caller(client: ClientConnection):
    assert not client.edit_document(URI, 2, [Edit(0, 0, "x")], 1)  # not mirrored
    client.open_document(URI, "python", 1, "")
    assert not client.edit_document(URI, 2, [Edit(0, 0, "x" * (CHUNK_CHARS + 1))], CHUNK_CHARS + 1)
    assert types(client) == ["spark.doc.open"]


def test_a_document_keeps_its_name_until_it_is_closed(client: ClientConnection):
    client.open_document(URI, "python", 1, "a")
    client.open_document(URI, "python", 2, "b")
    client.close_document(URI)
    client.close_document(URI)
    client.open_document(URI, "python", 3, "c")
    assert [message["doc"] for message in written(client)] == ["d1", "d1", "d1", "d2"]


def test_what_is_not_mirrored_in_that_version_is_not_spoken_of(client: ClientConnection):
    client.open_document(URI, "python", 1, "abc")
    written(client)
    client.check_document(URI, 2, "abcd")
    client.focus(URI, 2, 0)
    client.check_document("file:///b", 1, "")
    client.focus("file:///b", 1, 0)
    assert types(client) == []


def test_a_resync_names_the_document(client: ClientConnection):
    client.open_document(URI, "python", 1, "abc")
    assert hear(client, "spark.doc.resync", None, doc="d1") == [Resync(URI)]
    assert hear(client, "spark.doc.resync", None, doc="d2") == []
    client.close_document(URI)
    assert hear(client, "spark.doc.resync", None, doc="d1") == []


def test_a_request_whose_document_is_unknown_is_sent_once_more_with_its_text(client: ClientConnection):
    client.create(ASK, "ic")
    assert hear(client, "error", error={"code": "document_unknown"}) == []
    assert types(client) == ["response.create", "response.create"]
    (event,) = hear(client, "error", error={"code": "document_unknown", "message": "Again."})
    assert event.error.code == "document_unknown"


# Going on after a lost link.


def earlier(*documents: str) -> ClientConnection:
    connection = ClientConnection(spark=True)
    limits = {"max_in_flight": 16, "max_lanes": 32, "max_message_bytes": 1}
    hear(connection, "spark.hello", None, version="1", session="s1", engines=[], **limits)
    for uri in documents:
        connection.open_document(uri, "python", 1, "abc")
    return connection


def test_the_next_link_goes_on_with_the_mirror_by_hashes():
    client = ClientConnection(spark=True, earlier=earlier(URI, "file:///closed"))
    client.restore([(URI, "python", 4, "abcd")])
    client.edit_document(URI, 5, [], 4)
    resume, edit = written(client)
    expected = {"type": "spark.resume", "session": "s1", "documents": [["d1", 4, digest("abcd")]]}
    assert resume == expected
    assert (edit["doc"], edit["base"]) == ("d1", 4)
    assert hear(client, "spark.doc.resync", None, doc="d1") == [Resync(URI)]
    assert hear(client, "spark.doc.resync", None, doc="d2") == []


@pytest.mark.parametrize("before", [None, ClientConnection(spark=True), earlier()])
def test_what_no_earlier_link_had_is_told_whole(before: ClientConnection | None):
    client = ClientConnection(spark=True, earlier=before)
    client.restore([(URI, "python", 4, "abcd")])
    assert types(client) == ["spark.doc.open"]
    client.restore([])
    assert types(client) == []


# Credit.


def delta(client: ClientConnection, text: str = "x") -> None:
    hear(client, "response.output_text.delta", delta=text)


def test_what_has_been_read_is_given_back_when_it_is_a_good_deal(client: ClientConnection):
    client.create(ASK, "ic")
    written(client)
    for _ in range(LANE_EVENTS // 2):
        delta(client, "é")
    assert types(client) == []
    client.read("ic.0")
    client.read("ic.0")
    client.read("ic.7")
    given = {"type": "spark.credit", "stream_id": "ic.0", "events": LANE_EVENTS // 2, "bytes": LANE_EVENTS}
    assert written(client) == [given]


def test_a_deaf_lane_and_an_ended_one_are_read(client: ClientConnection):
    client.create(ASK, "ic")
    assert client.busy
    client.cancel("ic.0")
    assert not client.busy
    written(client)
    for _ in range(LANE_EVENTS // 2):
        delta(client)
    assert types(client) == ["spark.credit"]
    for _ in range(LANE_EVENTS // 2):
        delta(client)
    written(client)
    completed(client)
    client.create(ASK, "ic")
    for _ in range(LANE_EVENTS // 2):
        delta(client)
    completed(client)
    assert types(client) == ["spark.credit", "response.create"]


def test_a_request_cites_what_is_mirrored_and_sends_what_is_not(client: ClientConnection):
    client.open_document(URI, "python", 3, "abc")
    written(client)
    for version in (3, 2):
        client.create(
            Request(Task.EDIT, (Part(PartKind.TARGET, "ab", URI, Span(URI, version, 0, 2)),)), "act"
        )
    cited, sent = (message["spark"]["parts"][0] for message in written(client))
    assert (cited["doc"], "text" in cited) == ("d1", False)
    assert (sent["text"], "doc" in sent) == ("ab", False)


def test_what_a_mirror_lost_is_told_whole_again_when_it_is_opened_anew(client: ClientConnection):
    client.open_document(URI, "python", 3, "abc")
    client.check_document(URI, 3, "abc")
    client.focus(URI, 3, 1)
    assert types(client) == ["spark.doc.open", "spark.doc.check", "spark.doc.focus"]


# A plain server.


def test_a_plain_server_hears_nothing_but_requests(plain: ClientConnection):
    plain.configure({"e": {}}, {}, {})
    plain.restore([(URI, "python", 1, "abc")])
    plain.open_document(URI, "python", 1, "abc")
    assert not plain.edit_document(URI, 2, [Edit(0, 0, "x")], 4)
    plain.check_document(URI, 1, "abc")
    plain.focus(URI, 1, 0)
    plain.close_document(URI)
    plain.create(ASK, "ic")
    plain.cancel("ic.0")
    (message,) = written(plain)
    assert message.pop("instructions")
    assert message == {"type": "response.create", "stream_id": "ic.0", "model": "completion", "input": "q"}
    assert hear(plain, "response.output_text.delta", delta="x") == []
