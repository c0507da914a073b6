"""The server's life on two file descriptors: reader, writer, engine's side, end.

Bodies are read on the loop, or come from the reader's thread, and are handled on the loop in order; when
many wait, the reader's thread waits too, so that memory stays bounded. The end comes with `exit`, with the
end of the input, when the editor no longer reads, or when the process that `initialize` named is gone; each
ends the process within two seconds.
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp.connection import INVALID_REQUEST, Connection
from spark_lsp.lsp.server import SparkServer
from spark_lsp.lsp.stdio import MAX_BODY, Reader, Room, Writer
from spark_lsp.supervise import call_guarded, keep_running, watch_loop

if TYPE_CHECKING:
    from spark_lsp.engine.gateway_client.remote import Remote

log = logging.getLogger(__name__)

WAITING_BODIES, WAITING_BYTES = 64, 32 * 1024 * 1024
NOBODY = 0  # a process id that always counts as alive
WATCH = 0.5  # seconds between looks at the process that started us
LAST_WORDS = 1.5  # seconds for open work to end
COLLECT_AFTER = 10.0  # seconds after which garbage is collected, even if the editor never gets ready

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
        self._room = Room(WAITING_BODIES, WAITING_BYTES)
        self._ended = asyncio.Event()
        self._parent: int | None = None
        self._code = 1

    async def run(self) -> int:
        """Serve until the end."""
        self._loop = asyncio.get_running_loop()
        watch_loop(self._loop)
        self._loop.call_later(COLLECT_AFTER, gc.enable)
        writer = Writer(self._stdout, lambda: self._soon(self._end, 1))
        self._server.protocol.set_writer(writer)
        self._connection = Connection(self._server.protocol, writer.write, self._server.in_flight)
        writer.start()
        self._reader = Reader(self._stdin, self._take, self._refuse)
        if not self._reader.watch(self._loop):
            self._reader = Reader(self._stdin, self._on_body, self._on_refused)
            self._reader.start()
        tasks = [asyncio.ensure_future(each) for each in (self._engine(), keep_running(self._watch))]
        await self._ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=LAST_WORDS)
        writer.close()
        return self._code

    async def _watch(self) -> None:
        """End with the process that `initialize` named, unless it is none here, as in another container."""
        while self._parent is None or alive(self._parent):
            await asyncio.sleep(WATCH)
        self._end(1)

    def _note_parent(self) -> None:
        """Look at once whether the process that `initialize` named is here, so that its end is seen."""
        if self._parent is None and self._server.process_id is not None:
            self._parent = self._server.process_id if alive(self._server.process_id) else NOBODY

    async def _engine(self) -> None:
        await self._server.started.wait()
        await keep_running(self._run_engine, self._server.engine_side_ended)

    async def _run_engine(self) -> None:
        await self._server.run_engine(self._make_engine(self._server))

    def _soon(self, call: Callable[..., object], *arguments: object) -> None:
        """Call on the loop from another thread; after the loop's end there is nothing to do."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            return

    def _take(self, body: bytes | None) -> None:
        """Handle a body that was read on the loop."""
        if body is None:
            self._no_more()
        elif not self._ended.is_set():
            self._receive(body)

    def _on_body(self, body: bytes | None) -> None:
        if body is None:
            self._soon(self._no_more)
            return
        self._room.take(len(body))
        self._soon(self._handle, body)

    def _no_more(self) -> None:
        if self._reader.error:
            log.error("the editor's stream cannot be read further: %s", self._reader.error)
        self._end(1)

    def _on_refused(self) -> None:
        self._soon(self._refuse)

    def _refuse(self) -> None:
        """Answer a message that was too large to be read; it may have been a file."""
        text = f"A message larger than {MAX_BODY >> 20} MiB was not read"
        self._connection.refuse(None, INVALID_REQUEST, text)
        self._server.say_once(
            types.MessageType.Warning, "large", f"{text}. If it was a file, there are no suggestions in it."
        )

    def _handle(self, body: bytes) -> None:
        self._room.free(len(body))
        self._receive(body)

    def _receive(self, body: bytes) -> None:
        try:
            self._connection.receive(body)
            call_guarded(self._note_parent)
        except SystemExit as request:
            self._end(int(request.code or 0))

    def _end(self, code: int) -> None:
        if not self._ended.is_set():
            self._code = code
            self._ended.set()


def alive(pid: int) -> bool:
    """Tell whether there is such a process; where that cannot be asked without harm, there always is."""
    if os.name != "posix" or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
