"""The server's life on two file descriptors: reader, writer, engine's side, end.

Bodies come from the reader's thread and are handled on the loop in order; when many wait, the reader
waits too, so that memory stays bounded. The end comes with `exit`, with the end of the input, or when
the editor no longer reads; each ends the process within two seconds.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from spark_lsp.errors import origin
from spark_lsp.lsp.connection import INVALID_REQUEST, Connection
from spark_lsp.lsp.server import SparkServer
from spark_lsp.lsp.stdio import Reader, Writer

if TYPE_CHECKING:
    from spark_lsp.engine.remote import Remote

log = logging.getLogger(__name__)

WAITING_BODIES = 256
LAST_WORDS = 1.5  # seconds for open work to end

MakeEngine = Callable[[SparkServer], "Remote"]


def silence() -> None:
    """Keep libraries from logging messages: they hold the user's code."""
    for name in ("pygls", "cattrs", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class Life:
    """One run of a server; `run` returns the exit code."""

    def __init__(self, server: SparkServer, make_engine: MakeEngine, stdin: int, stdout: int) -> None:
        self._server = server
        self._make_engine = make_engine
        self._stdin = stdin
        self._stdout = stdout
        self._room = threading.Semaphore(WAITING_BODIES)
        self._ended = asyncio.Event()
        self._code = 1

    async def run(self) -> int:
        """Serve until the end."""
        self._loop = asyncio.get_running_loop()
        writer = Writer(self._stdout, lambda: self._soon(self._end, 1))
        self._server.protocol.set_writer(writer)
        self._connection = Connection(self._server.protocol, writer.write, self._server.in_flight)
        reader = Reader(self._stdin, self._on_body, self._on_refused)
        writer.start()
        reader.start()
        engine = asyncio.ensure_future(self._engine())
        await self._ended.wait()
        engine.cancel()
        await asyncio.wait([engine], timeout=LAST_WORDS)
        writer.close()
        return self._code

    async def _engine(self) -> None:
        await self._server.started.wait()
        try:
            await self._server.run_engine(self._make_engine(self._server))
        except Exception as error:
            log.error("the engine's side ended unexpectedly: %s", origin(error))
            self._server.tell(state="off", reason="spark-lsp failed; restart the language server")

    def _soon(self, call: Callable[..., object], *arguments: object) -> None:
        """Call on the loop from another thread; after the loop's end there is nothing to do."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            return

    def _on_body(self, body: bytes | None) -> None:
        if body is None:
            self._soon(self._end, 1)
            return
        self._room.acquire()
        self._soon(self._handle, body)

    def _on_refused(self) -> None:
        text = "The message is larger than 64 MiB"
        self._soon(self._connection.refuse, None, INVALID_REQUEST, text)

    def _handle(self, body: bytes) -> None:
        self._room.release()
        try:
            self._connection.receive(body)
        except SystemExit as request:
            self._end(int(request.code or 0))

    def _end(self, code: int) -> None:
        if not self._ended.is_set():
            self._code = code
            self._ended.set()
