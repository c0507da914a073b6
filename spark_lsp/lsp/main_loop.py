"""Runs a server on two file descriptors: reader, writer, engine side and end.

Bodies are read on the event loop, or on the reader's thread, and handled on the event loop in order. If
many bodies wait, the reader's thread waits too, so that memory stays bounded. The server ends with `exit`,
with the end of the input, when the editor no longer reads, or when the process that `initialize` names has
ended. Each of these ends the process within two seconds.
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp.connection import INVALID_REQUEST, Connection
from spark_lsp.lsp.parts import Parts
from spark_lsp.lsp.server import SparkServer
from spark_lsp.lsp.stdio import MAX_BODY, QueueLimit, Reader, Writer
from spark_lsp.supervise import call_guarded, keep_running, watch_loop

if TYPE_CHECKING:
    from spark_lsp.engine.gateway_client.remote import Remote

log = logging.getLogger(__name__)

MAX_WAITING_BODIES, MAX_WAITING_BYTES = 64, 32 * 1024 * 1024
ALWAYS_ALIVE = 0  # a process id
WATCH_INTERVAL_SECONDS = 0.5  # between checks of the process that started us
SHUTDOWN_TIMEOUT_SECONDS = 1.5  # for open work to end
COLLECT_AFTER_SECONDS = 10.0  # for garbage collection to begin, even if the editor never becomes ready

CreateLink = Callable[[Parts], "Remote"]


def silence_libraries() -> None:
    """Prevent libraries from logging messages, because these contain the user's code."""
    for name in ("pygls", "cattrs", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class MainLoop:
    """One run of a server; `run` returns the exit code."""

    def __init__(self, server: SparkServer, create_link: CreateLink, stdin: int, stdout: int) -> None:
        self._server = server
        self._create_link = create_link
        self._stdin = stdin
        self._stdout = stdout
        self._queue_limit = QueueLimit(MAX_WAITING_BODIES, MAX_WAITING_BYTES)
        self._ended = asyncio.Event()
        self._parent: int | None = None
        self._code = 1

    async def run(self) -> int:
        """Serve until the end."""
        self._loop = asyncio.get_running_loop()
        watch_loop(self._loop)
        self._loop.call_later(COLLECT_AFTER_SECONDS, gc.enable)
        writer = Writer(self._stdout, lambda: self._call_soon(self._end, 1))
        self._server.protocol.set_writer(writer)
        self._connection = Connection(self._server.protocol, writer.write, self._server.requests)
        writer.start()
        self._reader = Reader(self._stdin, self._handle_body, self._refuse_large)
        if not self._reader.watch(self._loop):
            self._reader = Reader(self._stdin, self._queue_body, self._queue_refusal)
            self._reader.start()
        tasks = [
            asyncio.ensure_future(each)
            for each in (
                keep_running(self._run_engine_side, self._report_engine_side),
                keep_running(self._watch_parent),
            )
        ]
        await self._ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=SHUTDOWN_TIMEOUT_SECONDS)
        writer.close()
        return self._code

    async def _watch_parent(self) -> None:
        """End with the process that `initialize` names, unless it is not visible here, as in a container."""
        while self._parent is None or is_alive(self._parent):
            await asyncio.sleep(WATCH_INTERVAL_SECONDS)
        self._end(1)

    def _check_parent(self) -> None:
        """Check now whether the process that `initialize` names exists, so that its end is noticed."""
        if self._parent is None and self._server.process_id is not None:
            parent = self._server.process_id
            self._parent = parent if is_alive(parent) else ALWAYS_ALIVE

    async def _run_engine_side(self) -> None:
        parts = self._server.parts
        await parts.startup.ready.wait()
        await parts.run_engine_side(self._create_link(parts))

    def _report_engine_side(self, error: Exception | None) -> None:
        self._server.parts.engine_side.report_end(error)

    def _call_soon(self, call: Callable[..., object], *arguments: object) -> None:
        """Call on the event loop from another thread; do nothing after the loop's end."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            return

    def _handle_body(self, body: bytes | None) -> None:
        """Handle a body that was read on the event loop."""
        if body is None:
            self._end_input()
        elif not self._ended.is_set():
            self._receive(body)

    def _queue_body(self, body: bytes | None) -> None:
        if body is None:
            self._call_soon(self._end_input)
            return
        self._queue_limit.acquire(len(body))
        self._call_soon(self._handle_queued, body)

    def _end_input(self) -> None:
        if self._reader.error:
            log.error("cannot continue to read the editor's stream: %s", self._reader.error)
        self._end(1)

    def _queue_refusal(self) -> None:
        self._call_soon(self._refuse_large)

    def _refuse_large(self) -> None:
        """Answer a message that was too large to be read; it may contain a file."""
        text = f"A message larger than {MAX_BODY >> 20} MiB was not read"
        self._connection.refuse(None, INVALID_REQUEST, text)
        self._server.parts.messages.show_once(
            types.MessageType.Warning, "large", f"{text}. If it was a file, there are no suggestions in it."
        )

    def _handle_queued(self, body: bytes) -> None:
        self._queue_limit.release(len(body))
        self._receive(body)

    def _receive(self, body: bytes) -> None:
        try:
            self._connection.receive(body)
            call_guarded(self._check_parent)
        except SystemExit as request:
            self._end(int(request.code or 0))

    def _end(self, code: int) -> None:
        if not self._ended.is_set():
            self._code = code
            self._ended.set()


def is_alive(pid: int) -> bool:
    """Return whether a process exists; always True on systems where checking would harm it."""
    if os.name != "posix" or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
