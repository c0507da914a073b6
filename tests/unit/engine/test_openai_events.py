"""A body gives the same pieces however it was cut, in every shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.config import OpenAISettings
from spark_lsp.engine.openai.events import AnswerReader, Piece
from spark_lsp.engine.openai.servers import Server, are_own, normal_url
from spark_lsp.errors import EngineError

PIECE = {"choices": [{"delta": {"content": "é"}, "finish_reason": None}]}
STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
LISTED = {"choices": [{"delta": {"content": ["a", {"type": "text", "text": "b"}, {"type": "thinking"}, 5]}}]}
EVENTS = b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in (PIECE, LISTED, STOP))
DONE = b"data: [DONE]\n\n"
WHOLE = json.dumps({"choices": [{"message": {"content": "é"}}]}, indent=1).encode()
BODIES = [
    EVENTS,
    EVENTS + DONE,
    EVENTS + DONE + EVENTS,
    EVENTS.rstrip(),
    b"\xef\xbb\xbf: hi\n" + EVENTS,
    b"event: message\n" + EVENTS,
    WHOLE,
    b" \n" + WHOLE,
    b"<html>",
    b"hello",
    b"data: {",
    b'event: error\ndata: {"error": "x"}\n\n',
    b"",
]


def read(pieces: list[bytes], kind: str) -> tuple[list[Piece], str]:
    reader, found = AnswerReader("gpu", kind), list[Piece]()
    try:
        for piece in pieces:
            found += reader.feed(piece)
        found += reader.finish()
    except EngineError as error:
        return found, error.code
    return found, "done" if reader.done else ""


@given(st.sampled_from(BODIES), st.sampled_from(["text/event-stream", "application/json", ""]), st.data())
def test_how_a_body_is_cut_never_matters(body: bytes, kind: str, data: st.DataObject):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=10)))
    cut = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert read(cut, kind) == read([body], kind)


@given(st.binary(max_size=200), st.sampled_from(["text/event-stream", "application/json", "text/html", ""]))
def test_whatever_comes_is_pieces_or_an_error_with_words(body: bytes, kind: str):
    read([body], kind)


def test_text_in_a_list_is_joined_and_thinking_is_left_out():
    pieces, end = read([EVENTS + DONE], "text/event-stream")
    assert [piece.text for piece in pieces] == ["é", "ab", ""]
    assert [piece.thinks for piece in pieces] == [False, True, False]
    assert end == "done"


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        (" http://h/v1/ ", "http://h/v1"),
        ("http://h/v1/chat/completions?a=b", "http://h/v1?a=b"),
        ("http://h/v1/models", "http://h/v1"),
        ("http://h/models", "http://h/models"),
        ("http://h/models/chat/completions", "http://h/models"),
        ("http://h?a=b", "http://h?a=b"),
        ("http://[", "http://["),
    ],
)
def test_a_base_url_is_brought_into_one_form(url: str, normal: str):
    assert normal_url(url) == normal


@pytest.mark.parametrize(
    ("url", "azure", "near", "flavour"),
    [
        ("https://me.openai.azure.com/openai/v1", True, False, "openai"),
        ("https://me.cognitiveservices.azure.com", True, False, "openai"),
        ("https://me.services.ai.azure.com/models", True, False, "openai"),
        ("https://me.openai.azure.us/openai/v1", True, False, "openai"),
        ("https://openai.azure.com.evil.test/v1", False, False, "openai"),
        ("https://api.mistral.ai/v1", False, False, "mistral"),
        ("https://codestral.mistral.ai/v1", False, False, "mistral"),
        ("https://api.deepseek.com/beta", False, False, "deepseek"),
        ("https://api.openai.com/v1", False, False, "openai"),
        ("http://localhost:11434/v1", False, True, "openai"),
        ("http://gpu:8000", False, True, "openai"),
        ("http://gpu.lan:8000", False, True, "openai"),
        ("http://10.0.0.5:8000", False, True, "openai"),
        ("http://[::1]:8000", False, True, "openai"),
        ("http://8.8.8.8:8000", False, False, "openai"),
    ],
)
def test_a_host_says_what_runs_there(url: str, azure: bool, near: bool, flavour: str):
    server = Server(url)
    assert (server.is_azure, server.is_near, server.flavour("openai")) == (azure, near, flavour)
    assert server.flavour("vllm") == "vllm"


@pytest.mark.parametrize(
    ("urls", "settings", "own"),
    [
        (["http://127.0.0.1:8000/v1"], {}, True),
        (["http://gpu.lan:8000/v1", "http://10.0.0.2/v1"], {}, True),
        (["http://127.0.0.1:4000/v1"], {"key_env": "PROXY_KEY"}, False),
        (["http://127.0.0.1:4000/v1"], {"key_file": "key"}, False),
        (["https://api.example.com/v1"], {}, False),
        (["http://gpu.lan/v1", "https://api.example.com/v1"], {}, False),
        (["https://gpu.example.com/v1"], {"flavour": "vllm", "key_env": "KEY"}, True),
        (["https://api.cerebras.ai/v1"], {"flavour": "cerebras"}, False),
        (["http://[bad/v1"], {}, False),
    ],
)
def test_only_servers_that_the_user_runs_cost_nothing(
    urls: list[str], settings: dict[str, Any], own: bool
) -> None:
    assert are_own([Server(url) for url in urls], OpenAISettings(**settings)) is own
