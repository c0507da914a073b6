"""A request arrives as it was asked; any other client's `input` becomes a chat."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Message, Objection, Part, PartKind, Priority, ProjectLimit, Request, Span, Task
from spark_lsp.wire import codec
from spark_lsp.wire.frames import CacheOptions, Create, DocOpen, PartFrame, Reasoning, RequestDetails
from spark_lsp.wire.replica_client import MirroredDocument
from spark_lsp.wire.replica_store import ReplicaStore, digest
from spark_lsp.wire.request_messages import UnknownDocument, make_create, read_request

TEXT = "def f():\n    return 😀\n"
URI = "file:///a.py"


@pytest.fixture
def mirror() -> ReplicaStore:
    mirror = ReplicaStore()
    mirror.open_document(
        DocOpen(doc="d1", uri=URI, version=7, length=len(TEXT), hash=digest(TEXT), text=TEXT)
    )
    return mirror


KNOWN = MirroredDocument("d1", 7, "", len(TEXT))


def cite(span: Span) -> MirroredDocument | None:
    return KNOWN if (span.doc, span.version) == (URI, 7) else None


def sent(frame: Create) -> Create:
    """Return the frame as it arrives."""
    back = codec.decode(codec.encode(frame), codec.CLIENT_FRAMES)[1]
    assert isinstance(back, Create)
    return back


def cited(kind: PartKind, start: int, end: int, version: int = 7) -> Part:
    return Part(kind, TEXT[start:end], URI, Span(URI, version, start, end))


REQUESTS = st.builds(
    Request,
    st.sampled_from(Task),
    st.lists(
        st.builds(Part, st.sampled_from(PartKind), st.text(max_size=20), st.sampled_from(["", URI])),
        max_size=3,
    ).map(tuple),
    instruction=st.text(max_size=20),
    history=st.lists(
        st.builds(
            Message, st.sampled_from(["system", "user", "assistant"]), st.text(min_size=1, max_size=20)
        ),
        max_size=3,
    ).map(tuple),
    action=st.sampled_from(["", "document"]),
    language=st.sampled_from(["", "python"]),
    model=st.sampled_from(["", "completion", "gpu/x"]),
    effort=st.sampled_from(["fast", "balanced", "deep"]),
    max_lines=st.integers(0, 9),
    max_tokens=st.integers(0, 99),
    priority=st.sampled_from(Priority),
    origin=st.sampled_from(["", URI]),
    stop=st.lists(st.text(min_size=1, max_size=3), max_size=2).map(tuple),
    attempt=st.integers(1, 2),
    starts=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    avoided=st.text(max_size=5),
    scored=st.booleans(),
    limits=st.lists(
        st.builds(ProjectLimit, st.text(max_size=4), st.integers(0, 10**9), st.floats(0, 100)), max_size=2
    ).map(tuple),
)


def test_an_objection_arrives() -> None:
    request = Request(Task.EDIT, objection=Objection("x = (", "Your code does not parse."))
    assert read_request(sent(make_create(request, "edit.0", lambda _: None)), ReplicaStore(), spark=True) == (
        request
    )


@given(request=REQUESTS)
@settings(max_examples=100, deadline=None)
def test_every_request_arrives_as_it_was_asked(request: Request):
    frame = make_create(request, "ic.0", lambda _: None)
    assert frame.stream_id == "ic.0"
    assert read_request(sent(frame), ReplicaStore(), spark=True) == request


def test_cited_parts_carry_no_text_and_arrive_with_it(mirror: ReplicaStore):
    parts = (cited(PartKind.PREFIX, 0, 9), cited(PartKind.SUFFIX, 9, len(TEXT)), cited(PartKind.FILE, 3, 3))
    request = Request(Task.COMPLETE, parts)
    message = codec.encode(make_create(request, "ic.0", cite))
    assert "def" not in message
    assert URI not in message
    frame = codec.decode(message, codec.CLIENT_FRAMES)[1]
    assert isinstance(frame, Create)
    assert read_request(frame, mirror, spark=True) == request


def test_a_part_of_another_version_is_sent_as_text(mirror: ReplicaStore):
    request = Request(Task.COMPLETE, (cited(PartKind.PREFIX, 0, 9, version=6),))
    got = read_request(sent(make_create(request, "ic.0", cite)), mirror, spark=True)
    assert got.parts == (Part(PartKind.PREFIX, TEXT[:9], URI),)


@pytest.mark.parametrize(("doc", "version"), [("d2", 7), ("d1", 8)])
def test_an_unknown_document_is_named(mirror: ReplicaStore, doc: str, version: int):
    part = PartFrame(kind="prefix", doc=doc, version=version, range=(0, 1))
    with pytest.raises(UnknownDocument) as caught:
        read_request(Create(spark=RequestDetails(parts=[part])), mirror, spark=True)
    assert (caught.value.doc, caught.value.code) == (doc, "document_unknown")


@pytest.mark.parametrize(
    "part",
    [
        PartFrame(kind="poem", text="x"),
        PartFrame(kind="prefix"),
        PartFrame(kind="prefix", doc="d1", version=7, range=(0, len(TEXT) + 1)),
        PartFrame(kind="prefix", doc="d1", version=7, range=(-1, 1)),
        PartFrame(kind="prefix", doc="d1", version=7, range=(2, 1)),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(mirror: ReplicaStore, part: PartFrame):
    with pytest.raises(RemoteProtocolError) as caught:
        read_request(Create(spark=RequestDetails(parts=[part])), mirror, spark=True)
    assert caught.value.code == "invalid_request_error"


def test_a_completion_continues_nothing():
    with pytest.raises(RemoteProtocolError) as caught:
        read_request(
            Create(previous_response_id="resp_1", spark=RequestDetails(task="complete")),
            ReplicaStore(),
            spark=True,
        )
    assert caught.value.code == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "warm"),
    [
        ({"generate": False}, True),
        ({"generate": True}, False),
        ({"prompt_cache_options": CacheOptions(prewarm=True)}, True),
        ({"prompt_cache_options": CacheOptions()}, False),
        ({}, False),
    ],
)
def test_a_warm_up_wants_no_text(fields: dict[str, Any], warm: bool):
    assert read_request(Create(input="hi", **fields), ReplicaStore(), spark=False).warm is warm


def test_background_is_refused():
    with pytest.raises(RemoteProtocolError) as caught:
        read_request(Create(input="x", background=True), ReplicaStore(), spark=False)
    assert caught.value.code == "unsupported_parameter"


def test_a_public_client_asks_a_chat_and_its_spark_object_is_nothing():
    frame = Create(model="gpu/x", input="hi", max_output_tokens=5, spark=RequestDetails(task="edit"))
    expected = Request(Task.CHAT, instruction="hi", model="gpu/x", max_tokens=5)
    assert read_request(frame, ReplicaStore(), spark=False) == expected


@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        ("none", "fast"),
        ("minimal", "fast"),
        ("low", "fast"),
        ("medium", "balanced"),
        ("high", "deep"),
        ("xhigh", "deep"),
        (None, "balanced"),
        ("", "balanced"),
    ],
)
def test_effort(effort: str | None, expected: str):
    assert (
        read_request(Create(reasoning=Reasoning(effort=effort)), ReplicaStore(), spark=False).effort
        == expected
    )


def test_the_last_item_is_what_is_asked_and_the_others_are_its_past():
    items = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    request = read_request(Create(input=items), ReplicaStore(), spark=False)
    assert (request.history, request.instruction) == ((Message("system", "Be brief."),), "hi")


def test_the_whole_of_a_document_around_a_place_is_asked_for_in_few_bytes(mirror: ReplicaStore):
    request = around(12)
    message = codec.encode(make_create(request, "ic.0", cite))
    assert message == ('{"type":"response.create","stream_id":"ic.0","spark":{"at":["d1",7,12]}}')
    frame = codec.decode(message, codec.CLIENT_FRAMES)[1]
    assert isinstance(frame, Create)
    assert read_request(frame, mirror, spark=True) == request


def around(at: int) -> Request:
    parts = (cited(PartKind.PREFIX, 0, at), cited(PartKind.SUFFIX, at, len(TEXT)))
    return Request(Task.COMPLETE, parts, origin=URI)


@pytest.mark.parametrize(
    "request_",
    [
        replace(around(12), parts=around(12).parts[:1]),
        replace(around(12), parts=(around(12).parts[0], cited(PartKind.SUFFIX, 13, len(TEXT)))),
        replace(around(12), parts=(around(12).parts[0], cited(PartKind.SUFFIX, 12, len(TEXT) - 1))),
        replace(around(12), parts=(cited(PartKind.PREFIX, 1, 12), around(12).parts[1])),
        replace(around(12), parts=(cited(PartKind.PREFIX, 0, 12, version=6), around(12).parts[1])),
        replace(around(12), parts=(Part(PartKind.PREFIX, TEXT[:12]), around(12).parts[1])),
        replace(around(12), language="ruby"),
        replace(around(12), task=Task.EDIT),
        replace(around(12), origin="file:///other"),
    ],
)
def test_what_is_not_just_that_is_asked_for_in_full(mirror: ReplicaStore, request_: Request):
    frame = make_create(request_, "ic.0", cite)
    assert frame.spark is not None
    assert frame.spark.at is None
    arrived = read_request(sent(frame), mirror, spark=True)
    assert [part.text for part in arrived.parts] == [part.text for part in request_.parts]
    assert (arrived.language, arrived.origin) == (request_.language, request_.origin)


@pytest.mark.parametrize(
    ("doc", "version", "offset"), [("d2", 7, 0), ("d1", 6, 0), ("d1", 7, 99), ("d1", 7, -1)]
)
def test_a_place_that_is_not_there_is_refused(mirror: ReplicaStore, doc: str, version: int, offset: int):
    with pytest.raises(RemoteProtocolError):
        read_request(
            Create(spark=RequestDetails(task="complete", at=(doc, version, offset))), mirror, spark=True
        )


# Context beside a document.

CONTEXT_URI = f"spark-context:{URI}"
CONTEXT_TEXT = "def far(): ...\n- a\n+ b\n"
CONTEXT_KNOWN = MirroredDocument("d2", 3, "", len(CONTEXT_TEXT))


def cite_context(span: Span) -> MirroredDocument | None:
    return CONTEXT_KNOWN if (span.doc, span.version) == (CONTEXT_URI, 3) else cite(span)


def with_context() -> Request:
    files = Part(PartKind.FILE, CONTEXT_TEXT[:15], "far.py", Span(CONTEXT_URI, 3, 0, 15))
    edits = Part(
        PartKind.RECENT_EDIT, CONTEXT_TEXT[15:], "near.py", Span(CONTEXT_URI, 3, 15, len(CONTEXT_TEXT))
    )
    around = (cited(PartKind.PREFIX, 0, 9), cited(PartKind.SUFFIX, 9, len(TEXT)))
    return Request(Task.COMPLETE, (files, edits, *around), origin=URI)


def mirror_context(mirror: ReplicaStore) -> None:
    hashed = digest(CONTEXT_TEXT)
    length = len(CONTEXT_TEXT)
    mirror.open_document(
        DocOpen(doc="d2", uri=CONTEXT_URI, version=3, length=length, hash=hashed, text=CONTEXT_TEXT)
    )


def test_context_is_cited_beside_the_position(mirror: ReplicaStore):
    mirror_context(mirror)
    frame = sent(make_create(with_context(), "ic.0", cite_context))
    assert frame.spark is not None
    assert frame.spark.at == ("d1", 7, 9)
    assert [(part.doc, part.range, part.uri) for part in frame.spark.context] == [
        ("d2", (0, 15), "far.py"),
        ("d2", (15, len(CONTEXT_TEXT)), "near.py"),
    ]
    missing: list[str] = []
    assert read_request(frame, mirror, missing.append, spark=True) == with_context()
    assert missing == []


def test_a_keystroke_without_context_says_nothing_of_it():
    request = replace(with_context(), parts=with_context().parts[2:])
    assert "context" not in codec.encode(make_create(request, "ic.0", cite))


def test_context_that_is_not_mirrored_is_sent_as_text(mirror: ReplicaStore):
    frame = sent(make_create(with_context(), "ic.0", cite))
    got = read_request(frame, mirror, spark=True)
    assert [part.text for part in got.parts[:2]] == [CONTEXT_TEXT[:15], CONTEXT_TEXT[15:]]
    assert got.parts[2:] == with_context().parts[2:]


def test_context_that_is_missing_costs_no_request(mirror: ReplicaStore):
    frame = sent(make_create(with_context(), "ic.0", cite_context))
    missing: list[str] = []
    assert read_request(frame, mirror, missing.append, spark=True).parts == with_context().parts[2:]
    assert missing == ["d2"]


def test_context_has_no_part_of_the_document(mirror: ReplicaStore):
    details = RequestDetails(at=("d1", 7, 9), context=[PartFrame(kind="prefix", text="x")])
    with pytest.raises(RemoteProtocolError):
        read_request(Create(spark=details), mirror, spark=True)
