"""Large documents are looked through and edited aside: the loop goes on meanwhile."""

import asyncio
import logging
import re

import anyio
import anyio.lowlevel
import pytest

from spark_lsp.lsp import outgoing, turns
from spark_lsp.lsp.parts import Parts
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.prompts import reply
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from tests.unit.lsp.editors import MirrorLink, attached_parts

pytestmark = pytest.mark.anyio
URI = "file:///home/me/large.py"
COMPUTED = re.compile(r"(\d+) ms of them computing")
LINE = 'password = "hunter2secret"\n'
LARGE = LINE * (2 * outgoing.INLINE_SCAN_CHARACTERS // len(LINE))


@pytest.fixture
def link() -> MirrorLink:
    return MirrorLink()


@pytest.fixture
async def parts(link: MirrorLink) -> Parts:
    return attached_parts(link)


async def opened(parts: Parts) -> Document:
    """Open a large document where the real handler runs: in a callback of the loop, not in a task."""
    document = parts.workspace.documents.open(URI, "python", 1, LARGE)
    assert document is not None
    asyncio.get_running_loop().call_soon(parts.outgoing.open, document)
    while not parts.outgoing.is_scanning(URI):
        await anyio.lowlevel.checkpoint()
    return document


async def test_a_large_document_is_mirrored_when_it_has_been_looked_through(
    parts: Parts, link: MirrorLink
) -> None:
    document = await opened(parts)
    assert link.texts == {}
    await parts.outgoing.wait_until_scanned(URI)
    assert link.texts[URI] == LARGE.replace("hunter2secret", "*" * 13)
    assert parts.outgoing.redact(document).real is document


async def test_what_is_typed_meanwhile_is_in_it(parts: Parts, link: MirrorLink) -> None:
    document = await opened(parts)
    for version in range(2, 5):
        document = document.splice(0, 0, LINE, version)
        assert parts.outgoing.change(document, [Edit(0, 0, LINE)])
    await parts.outgoing.wait_until_scanned(URI)
    assert link.texts[URI] == (3 * LINE + LARGE).replace("hunter2secret", "*" * 13)
    assert parts.outgoing.redact(document).real is document


async def test_a_document_closed_meanwhile_is_not_mirrored(parts: Parts, link: MirrorLink) -> None:
    await opened(parts)
    scan = parts.outgoing._scans[URI]
    parts.outgoing.close(URI)
    await scan.done.wait()
    assert link.texts == {}
    assert not parts.outgoing.is_scanning(URI)


async def test_a_large_change_is_looked_through_aside_too(parts: Parts, link: MirrorLink) -> None:
    document = parts.workspace.documents.open(URI, "python", 1, "")
    assert document is not None
    parts.outgoing.open(document)
    document = document.splice(0, 0, LARGE, 2)
    assert parts.outgoing.change(document, [Edit(0, 0, LARGE)])
    assert parts.outgoing.is_scanning(URI)
    await parts.outgoing.wait_until_scanned(URI)
    assert link.texts[URI] == LARGE.replace("hunter2secret", "*" * 13)


def test_a_proposal_for_a_large_document_does_not_hold_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    """Checking it takes several hundred milliseconds of computing."""
    text = "def f(a):\n    return a\n\n\n" * 7000
    document = Document(URI, text, 1, "python")
    answer = (EditFormat.DOCSTRING, "Return it.\n")

    async def propose() -> list[Edit]:
        await run_in_thread(len, "")  # the thread is there
        return await run_in_thread(
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
