"""Our peer: the language server's unmodified link to the gateway."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from spark_lsp.answer_events import Chunk
from spark_lsp.bench.peers import TOKEN, Peer
from spark_lsp.bench.question import Question
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import SparkError


class Ours:
    """Asks through a `Remote`: sends the change, then the request, which refers to the document."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._news = anyio.Event()
        self.remote = Remote(self._locate, self._receive_status)

    async def _locate(self) -> Endpoint:
        return Endpoint(self._peer.url, TOKEN)

    def _receive_status(self, status: LinkStatus) -> None:
        if status.state == "ready":
            self._news.set()

    async def up(self) -> None:
        """Wait for the gateway's hello."""
        with anyio.move_on_after(10):
            await self._news.wait()
            return
        raise SparkError("The gateway did not answer", "Nothing was measured")

    async def settled(self) -> None:
        """Send settings and wait for the status that answers them: the shortest control round trip."""
        self._news = anyio.Event()
        self.remote.configure({}, {}, {})
        await self._news.wait()

    async def ask(self, question: Question) -> AsyncGenerator[str]:
        """Send the change and the request, and yield the answer's text as it arrives."""
        if question.edits:
            self.remote.edit_document(question.document, question.edits)
        async with self.remote.open(question.request()) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    yield event.text


@asynccontextmanager
async def link(peer: Peer) -> AsyncGenerator[Ours]:
    """Connect to a gateway in the same way as the language server."""
    ours = Ours(peer)
    async with anyio.create_task_group() as group:
        group.start_soon(ours.remote.run)
        await ours.up()
        yield ours
        group.cancel_scope.cancel()
