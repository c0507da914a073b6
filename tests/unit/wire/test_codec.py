"""Whatever comes in: a frame, None for what is unknown, or the remote-protocol error. Nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.wire import codec
from spark_lsp.wire.frames import Create, DocEdit, DocOpen, EditFrame
from spark_lsp.wire.response_frames import Delta

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from([*codec.CLIENT_FRAMES, *codec.SERVER_FRAMES, "no.such.type"])
FIELDS = st.sampled_from(
    [
        "stream_id",
        "spark",
        "doc",
        "version",
        "edits",
        "length",
        "range",
        "delta",
        "response",
        "error",
        "input",
    ]
)


def read(message: str | bytes, kinds: dict[str, Any]) -> object:
    """Decode; only the one error may leave."""
    try:
        return codec.decode(message, kinds)
    except RemoteProtocolError as error:
        expected = "invalid_request_error" if isinstance(error, codec.WrongFields) else "invalid_message"
        if error.code != expected:
            raise
        return None


@pytest.mark.parametrize("kinds", [codec.CLIENT_FRAMES, codec.SERVER_FRAMES])
@given(message=st.text(st.characters(exclude_categories=())) | st.binary())
@settings(max_examples=100, deadline=None)
def test_noise_is_only_a_protocol_error(kinds: dict[str, Any], message: str | bytes):
    read(message, kinds)


@given(kind=TYPES, fields=st.dictionaries(FIELDS, JSON, max_size=5))
@settings(max_examples=100, deadline=None)
def test_wrong_fields_are_only_a_protocol_error(kind: str, fields: dict[str, Any]):
    message = json.dumps({**fields, "type": kind})
    read(message, codec.CLIENT_FRAMES)
    read(message, codec.SERVER_FRAMES)


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "response.create", "input": "\\ud800", "stream_id": 5}',
        '{"type": "spark.doc.open", "doc": "\\udc00"}',
        '{"type": "spark.doc.open", "doc": "\ud800"}',
        '{"type": "spark.doc.chunk", "doc": 5, "version": 1, "text": ""}',
    ],
)
def test_wrong_fields_of_a_known_type_are_told_apart_from_noise(message: str):
    with pytest.raises(codec.WrongFields) as caught:
        codec.decode(message, codec.CLIENT_FRAMES)
    assert caught.value.code == "invalid_request_error"
    assert caught.value.kind in message
    assert caught.value.stream_id is None


def test_wrong_fields_name_their_lane():
    with pytest.raises(codec.WrongFields) as caught:
        codec.decode('{"stream_id": "ic.0", "input": 5, "type": "response.create"}', codec.CLIENT_FRAMES)
    assert (caught.value.kind, caught.value.stream_id) == ("response.create", "ic.0")


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        "",
        "[]",
        "null",
        '{"type": 5}',
        '{"type": "response.create", "input": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"type": "response.create", "input": "\\ud800", "max_output_tokens": ' + "9" * 5000 + "}",
        '{"type": "spark.configure", "engines": {"a": "\\ud800", "b": NaN}}',
        '{"type": "spark.configure", "engines": {"a": "\\ud800", "b": -Infinity}}',
        '{"type": "spark.configure", "engines": {"a": "\\ud800", "b": 1e999}}',
        '{"type": "response.create"',
        '{"type": "response.create", "input": "\\ud800"',
    ],
)
def test_what_cannot_be_read_says_so(message: str | bytes):
    with pytest.raises(RemoteProtocolError) as caught:
        codec.decode(message, codec.CLIENT_FRAMES)
    assert caught.value.code == "invalid_message"


def test_a_deep_message_says_that_it_is_too_deep():
    deep = '{"type": "response.create", "input": ' + "[" * 100_000 + "]" * 100_000 + "}"
    with pytest.raises(RemoteProtocolError, match="nested too deeply"):
        codec.decode(deep, codec.CLIENT_FRAMES)


def test_an_unknown_type_costs_nothing_and_is_none():
    assert codec.decode('{"type": "response.no", "x": [1]}', codec.CLIENT_FRAMES) == ("response.no", None)


def test_unknown_fields_are_tolerated():
    message = '{"type":"response.create","stream":true,"tools":[{"a":1}],"client_metadata":{},"store":false}'
    assert codec.decode(message, codec.CLIENT_FRAMES) == ("response.create", Create())


def test_what_is_empty_is_left_out():
    assert json.loads(codec.encode(Create(stream_id="ic.0"))) == {
        "type": "response.create",
        "stream_id": "ic.0",
    }


@given(text=st.text(st.characters(exclude_categories=())))
@settings(deadline=None)
def test_any_text_survives_even_lone_surrogates(text: str):
    edit = DocEdit(doc="d1", base=1, version=2, edits=[EditFrame(0, 0, text)], length=len(text))
    message = codec.encode(edit)
    message.encode()  # what is written is always UTF-8
    back = codec.decode(message, codec.CLIENT_FRAMES)[1]
    assert isinstance(back, DocEdit)
    assert back.edits[0].new == json.loads(json.dumps(text))  # halves that meet become one character


def test_lone_surrogates_survive_in_a_plain_event():
    event = {"type": "response.output_text.delta", "delta": "a\ud800b"}
    assert codec.decode(codec.encode(event), codec.SERVER_FRAMES)[1] == Delta(delta="a\ud800b")


@given(text=st.text(), version=st.integers(0, 2**31))
@settings(deadline=None)
def test_a_frame_comes_back_as_it_was(text: str, version: int):
    frame = DocOpen(doc="d1", uri="file:///a", version=version, length=len(text), hash="x", text=text)
    assert codec.decode(codec.encode(frame), codec.CLIENT_FRAMES) == ("spark.doc.open", frame)
