"""Our own way to an engine: the language server's link to the gateway, as it is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from spark_lsp.bench.peers import TOKEN, Peer
from spark_lsp.bench.question import Question
from spark_lsp.engine.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import SparkError
from spark_lsp.request import Chunk
from spark_lsp.text.document import Document


class Ours:
    """Asks through a `Remote`: the change first, then the request, which cites the document."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    def opened(self, document: Document) -> None:
        """Mirror a document, as an editor's `didOpen` does."""
        self.remote.opened(document)

    async def ask(self, question: Question) -> AsyncGenerator[str]:
        """Tell the change, ask, and yield the answer's text as it comes."""
        if question.edits:
            self.remote.edited(question.document, question.edits)
        async with self.remote.open(question.request()) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    yield event.text


@asynccontextmanager
async def link(peer: Peer) -> AsyncGenerator[Ours]:
    """Connect to a gateway as the language server does."""

    async def locate() -> Endpoint:
        return Endpoint(peer.url, TOKEN)

    up = anyio.Event()

    def told(status: LinkStatus) -> None:
        if status.state == "ready":
            up.set()

    remote = Remote(locate, told)
    async with anyio.create_task_group() as group:
        group.start_soon(remote.run)
        with anyio.move_on_after(10):
            await up.wait()
        if not up.is_set():
            raise SparkError("The gateway did not answer", "Nothing was measured")
        yield Ours(remote)
        group.cancel_scope.cancel()
