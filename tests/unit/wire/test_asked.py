"""A request arrives as it was asked; any other client's `input` becomes a chat."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Part, PartKind, Priority, Request, Span, Task
from spark_lsp.wire import codec
from spark_lsp.wire.asked import UnknownDocument, chat_text, frame_of, plain_frame_of, request_of
from spark_lsp.wire.frames import Asked, Create, DocOpen, PartFrame, Reasoning
from spark_lsp.wire.mirror import Mirror, digest

TEXT = "def f():\n    return 😀\n"
URI = "file:///a.py"


@pytest.fixture
def mirror() -> Mirror:
    mirror = Mirror()
    mirror.open(DocOpen(doc="d1", uri=URI, version=7, length=len(TEXT), hash=digest(TEXT), text=TEXT))
    return mirror


def cite(span: Span) -> str | None:
    return "d1" if (span.doc, span.version) == (URI, 7) else None


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
    action=st.sampled_from(["", "document"]),
    language=st.sampled_from(["", "python"]),
    model=st.sampled_from(["", "completion", "gpu/x"]),
    effort=st.sampled_from(["fast", "balanced", "deep"]),
    max_lines=st.integers(0, 9),
    max_tokens=st.integers(0, 99),
    priority=st.sampled_from(Priority),
    origin=st.sampled_from(["", URI]),
)


@given(request=REQUESTS)
@settings(max_examples=100, deadline=None)
def test_every_request_arrives_as_it_was_asked(request: Request):
    frame = frame_of(request, "ic.0", lambda _: None)
    assert frame.stream_id == "ic.0"
    assert request_of(sent(frame), Mirror(), spark=True) == request


def test_cited_parts_carry_no_text_and_arrive_with_it(mirror: Mirror):
    parts = (cited(PartKind.PREFIX, 0, 9), cited(PartKind.SUFFIX, 9, len(TEXT)), cited(PartKind.FILE, 3, 3))
    request = Request(Task.COMPLETE, parts)
    message = codec.encode(frame_of(request, "ic.0", cite))
    assert "def" not in message
    assert URI not in message
    frame = codec.decode(message, codec.CLIENT_FRAMES)[1]
    assert isinstance(frame, Create)
    assert request_of(frame, mirror, spark=True) == request


def test_a_part_of_another_version_is_sent_as_text(mirror: Mirror):
    request = Request(Task.COMPLETE, (cited(PartKind.PREFIX, 0, 9, version=6),))
    got = request_of(sent(frame_of(request, "ic.0", cite)), mirror, spark=True)
    assert got.parts == (Part(PartKind.PREFIX, TEXT[:9], URI),)


@pytest.mark.parametrize(("doc", "version"), [("d2", 7), ("d1", 8)])
def test_an_unknown_document_is_named(mirror: Mirror, doc: str, version: int):
    part = PartFrame(kind="prefix", doc=doc, version=version, range=(0, 1))
    with pytest.raises(UnknownDocument) as caught:
        request_of(Create(spark=Asked(parts=[part])), mirror, spark=True)
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
def test_a_part_that_makes_no_sense_is_refused(mirror: Mirror, part: PartFrame):
    with pytest.raises(RemoteProtocolError) as caught:
        request_of(Create(spark=Asked(parts=[part])), mirror, spark=True)
    assert caught.value.code == "invalid_request_error"


@pytest.mark.parametrize("spark", [None, Asked(task="edit"), Asked(task="complete")])
def test_what_cannot_be_continued_is_refused_and_not_answered_without_its_past(spark: Asked | None):
    with pytest.raises(RemoteProtocolError) as caught:
        request_of(
            Create(input="and then?", previous_response_id="resp_1", spark=spark), Mirror(), spark=True
        )
    complete = spark is not None and spark.task == "complete"
    assert caught.value.code == ("invalid_request_error" if complete else "previous_response_not_found")


def test_background_is_refused():
    with pytest.raises(RemoteProtocolError) as caught:
        request_of(Create(input="x", background=True), Mirror(), spark=False)
    assert caught.value.code == "unsupported_parameter"


def test_a_public_client_asks_a_chat_and_its_spark_object_is_nothing():
    frame = Create(model="gpu/x", input="hi", max_output_tokens=5, spark=Asked(task="edit"))
    expected = Request(Task.CHAT, instruction="hi", model="gpu/x", max_tokens=5)
    assert request_of(frame, Mirror(), spark=False) == expected


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
    assert request_of(Create(reasoning=Reasoning(effort=effort)), Mirror(), spark=False).effort == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ""),
        ("hi", "hi"),
        (["a", "b"], "a\n\nb"),
        ([{"role": "user", "content": "hi"}], "hi"),
        ([{"role": "user", "content": [{"type": "input_text", "text": "a"}, {"text": "b"}]}], "a\n\nb"),
        ([{"type": "function_call_output", "call_id": "c", "output": "42"}], "42"),
        ([{"type": "reasoning"}], ""),
        ([{"content": None}, {"content": 5}, {"content": [None]}], ""),
    ],
)
def test_the_text_of_input(given: str | list[Any] | None, expected: str):
    assert chat_text(None, given) == expected
    assert chat_text("Be brief.", given) == f"Be brief.\n\n{expected}".strip()


@pytest.mark.parametrize("kind", ["input_image", "input_file", "input_audio"])
def test_only_text_is_read(kind: str):
    with pytest.raises(RemoteProtocolError, match="text only") as caught:
        chat_text(None, [{"content": [{"type": kind}]}])
    assert caught.value.code == "unsupported_content"


def test_an_item_must_be_an_object():
    with pytest.raises(RemoteProtocolError):
        chat_text(None, [5])


def test_a_plain_server_gets_everything_in_its_input():
    parts = (cited(PartKind.PREFIX, 0, 9), Part(PartKind.DIAGNOSTIC, "unused"))
    frame = plain_frame_of(Request(Task.EDIT, parts, "Fix it.", effort="deep", max_tokens=9), "act.0")
    assert frame.spark is None
    assert frame.input == (
        "<prefix>\ndef f():\n\n</prefix>\n\n<diagnostic>\nunused\n</diagnostic>\n\nFix it."
    )
    assert (frame.max_output_tokens, frame.reasoning) == (9, Reasoning(effort="high"))
