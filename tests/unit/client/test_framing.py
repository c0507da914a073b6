"""LSP's base protocol."""

import json

import pytest

from spark_lsp.client.framing import Framer, frame_message
from spark_lsp.errors import RemoteProtocolError


def test_bodies_survive_any_cut() -> None:
    first = frame_message({"id": 1, "result": "grün 🎈"})
    stream = first + frame_message({"id": 2})
    for cut in range(1, len(stream)):
        framer = Framer()
        bodies = framer.feed(stream[:cut]) + framer.feed(stream[cut:])
        assert [json.loads(body)["id"] for body in bodies] == [1, 2]
    assert json.loads(bodies[0])["result"] == "grün 🎈"


def test_headers_of_any_case_and_others_are_read() -> None:
    stream = b"Content-Type: application/vscode-jsonrpc\r\ncontent-length:2\r\n\r\n{}"
    assert Framer().feed(stream) == [b"{}"]


@pytest.mark.parametrize(
    "stream", [b"Hello: 1\r\n\r\n", b"Content-Length: 999999999999\r\n\r\n", b"x" * 70_000]
)
def test_what_is_no_lsp_is_refused(stream: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Framer().feed(stream)
