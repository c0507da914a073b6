"""Keeps the WebSocket to a service: opens it for the first request, replaces it before the service ends it.

A service ends each connection after 60 minutes, or announces the end earlier. If requests have come lately,
the next connection is opened and prepared first; then it gets all new requests, and the old one delivers the
responses that have begun. A connection that nobody uses is closed, and the next request opens another. A lost
connection is replaced by the next request too, never by a timer: a service that refuses us gets no retries
that the user did not cause.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import anyio

from spark_lsp.engine.gateway_client.socket import Socket
from spark_lsp.engine.responses.dialing import NoWebSocket
from spark_lsp.engine.responses.line import Line, Owner, Patience
from spark_lsp.engine.responses.tasks import start
from spark_lsp.errors import EngineError
from spark_lsp.supervise import run_guarded

RETRY_S = 2.0  # between attempts to open the next connection while the old one still works
PREPARE_S = 5.0  # for the preparation of the next connection


@dataclass(frozen=True, slots=True)
class Limits:
    """Times of a connection, in seconds: its life at the service, how early it is replaced, its idle time."""

    lifetime_s: float = 3600.0
    margin_s: float = 300.0
    idle_s: float = 900.0

    @property
    def replaced_s(self) -> float:
        """The age at which the next connection is opened."""
        return self.lifetime_s - self.margin_s


class Upstream:
    """See the module's text. `open_socket` connects; `prepare` gets a successor before its use."""

    def __init__(
        self,
        name: str,
        open_socket: Callable[[], Awaitable[Socket]],
        patience: Patience,
        limits: Limits,
        owner: Owner,
        prepare: Callable[[Line, Line], Awaitable[None]],
    ) -> None:
        self._name = name
        self._open_socket = open_socket
        self._patience = patience
        self._limits = limits
        self._owner = owner
        self._prepare = prepare
        self._line: Line | None = None
        self._opening: asyncio.Task[Line] | None = None
        self.tasks: set[asyncio.Task[Any]] = set()

    @property
    def line(self) -> Line | None:
        """The connection that gets new requests, if one is open."""
        line = self._line
        return line if line is not None and not line.link.is_over else None

    async def connect(self) -> Line:
        """Return the open connection; open one first if necessary.

        Raises `NoWebSocket`, or `EngineError` if the service cannot be used.
        """
        if (line := self.line) is not None:
            return line
        if self._opening is None:
            self._opening = start(self._open_next(None), self.tasks)
        return await asyncio.shield(self._opening)

    async def _open_next(self, before: Line | None) -> Line:
        """Open the connection that gets new requests; prepare it first if it replaces another one."""
        try:
            line = await self._open()
            if before is not None:
                with anyio.move_on_after(PREPARE_S):
                    await run_guarded(self._prepare, before, line)
            self._line = line
            return line
        finally:
            self._opening = None

    async def _open(self) -> Line:
        socket = await self._open_socket()
        line = Line(self._name, socket, self._patience, self._limits.margin_s, self._owner, self.tasks)
        link = line.link
        start(run_guarded(line.run, on_failure=lambda _: link.lose()), self.tasks)
        await line.wait_until_ready()
        start(run_guarded(self._keep, line), self.tasks)
        return line

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start background work, which ends with this object."""
        start(work, self.tasks)

    def drop(self, line: Line) -> None:
        """Send no more requests over a connection; it ends when its responses have ended."""
        if self._line is line:
            self._line = None
        line.link.retire()

    async def _keep(self, line: Line) -> None:
        """Replace a connection in time, or close it when nobody uses it."""
        link, limits = line.link, self._limits
        while not link.is_over:
            now = time.monotonic()
            due, idle = line.opened_at + limits.replaced_s, line.used_at + limits.idle_s
            if now >= idle:
                self.drop(line)
                return
            if now >= due or link.needs_successor.is_set():
                if self._line is not line or await self._replace(line):
                    return
                await anyio.sleep(min(RETRY_S, limits.margin_s / 4))
                continue
            with anyio.move_on_after(min(due, idle) - now):
                await link.needs_successor.wait()

    async def _replace(self, line: Line) -> bool:
        """Open the next connection, then retire this one. Return False if that failed."""
        if self._opening is None:
            self._opening = start(self._open_next(line), self.tasks)
        try:
            await asyncio.shield(self._opening)
        except (EngineError, NoWebSocket):
            return False
        line.link.retire()
        return True

    async def aclose(self) -> None:
        """End the connection and all background work."""
        self._line = None
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
