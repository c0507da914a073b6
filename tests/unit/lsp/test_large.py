"""Large documents are looked through and edited aside: the loop goes on meanwhile."""

import asyncio
import logging
import re
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from spark_lsp.lsp import outgoing, turns
from spark_lsp.lsp.aside import aside
from spark_lsp.lsp.server import SparkServer
from spark_lsp.prompts import reply
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

pytestmark = pytest.mark.anyio
URI = "file:///home/me/large.py"
COMPUTED = re.compile(r"(\d+) ms of them computing")
LINE = 'password = "hunter2secret"\n'
LARGE = LINE * (2 * outgoing.AT_ONCE // len(LINE))


class Mirror:
    """Stands where the link to the gateway is, and holds the texts that went there."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def opened(self, document: Any) -> None:
        assert "hunter2" not in document.text
        self.texts[document.uri] = document.text

    def closed(self, uri: str) -> None:
        self.texts.pop(uri, None)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
async def server() -> Any:
    made: Any = SparkServer()
    made.engine = made.completer = made.editor = Mirror()
    made._group = object()
    return made


async def opened(server: Any) -> Document:
    """Open a large document where the real handler runs: in a callback of the loop, not in a task."""
    document = server.documents.open(URI, "python", 1, LARGE)
    asyncio.get_running_loop().call_soon(server.outgoing.open, document)
    while not server.outgoing.looking(URI):
        await anyio.lowlevel.checkpoint()
    return document


async def test_a_large_document_is_mirrored_when_it_has_been_looked_through(server: Any) -> None:
    document = await opened(server)
    assert server.engine.texts == {}
    await server.outgoing.looked(URI)
    assert server.engine.texts[URI] == LARGE.replace("hunter2secret", "*" * 13)
    assert server.outgoing.redacted(document).real is document


async def test_what_is_typed_meanwhile_is_in_it(server: Any) -> None:
    document = await opened(server)
    for version in range(2, 5):
        document = document.splice(0, 0, LINE, version)
        assert server.outgoing.edit(document, [Edit(0, 0, LINE)])
    await server.outgoing.looked(URI)
    assert server.engine.texts[URI] == (3 * LINE + LARGE).replace("hunter2secret", "*" * 13)
    assert server.outgoing.redacted(document).real is document


async def test_a_document_closed_meanwhile_is_not_mirrored(server: Any) -> None:
    await opened(server)
    look = server.outgoing._looks[URI]
    server.outgoing.close(URI)
    await look.done.wait()
    assert server.engine.texts == {}
    assert not server.outgoing.looking(URI)


async def test_a_large_change_is_looked_through_aside_too(server: Any) -> None:
    document = server.documents.open(URI, "python", 1, "")
    server.outgoing.open(document)
    document = document.splice(0, 0, LARGE, 2)
    assert server.outgoing.edit(document, [Edit(0, 0, LARGE)])
    assert server.outgoing.looking(URI)
    await server.outgoing.looked(URI)
    assert server.engine.texts[URI] == LARGE.replace("hunter2secret", "*" * 13)


def test_a_proposal_for_a_large_document_does_not_hold_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    """Checking it takes several hundred milliseconds of computing."""
    text = "def f(a):\n    return a\n\n\n" * 7000
    document = Document(URI, text, 1, "python")
    answer = (EditFormat.DOCSTRING, "Return it.\n")

    async def propose() -> list[Edit]:
        await aside(len, "")  # the thread is there
        return await aside(
            reply.propose_edits,
            "document",
            document,
            SyntaxTree.of(document),
            0,
            23,
            *answer,
            instruction="",
            diagnostics=(),
        )

    with caplog.at_level(logging.DEBUG, "spark_lsp"), asyncio.Runner(loop_factory=turns.new_loop) as runner:
        edits = runner.run(propose())
    assert edits
    computed = [int(found[1]) for line in caplog.messages if (found := COMPUTED.search(line))]
    assert max(computed, default=0) <= 100
