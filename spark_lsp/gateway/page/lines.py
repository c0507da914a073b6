"""A response of JSON values, one a line, that is sent while it comes into being."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from spark_lsp.gateway.page.files import PRIVATE
from spark_lsp.supervise import run_guarded

SendLine = Callable[[Any], Awaitable[None]]
KEEP_ALIVE = b"\n"  # an empty line, for a network that ends idle connections, and to notice a lost reader


def encode(value: Any) -> bytes:
    """Return a value as one line of JSON."""
    return msgspec.json.encode(value) + b"\n"


class Lines(Response):
    """A response that ends with `write`, which gets a function to send a line, or with its reader."""

    def __init__(self, write: Callable[[SendLine], Awaitable[None]]) -> None:
        super().__init__()
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines."""
        headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", PRIVATE.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with anyio.create_task_group() as group:
            group.start_soon(run_guarded, _cancel_without_reader, receive, group.cancel_scope)
            await run_guarded(self._write, partial(_send_line, send))
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_without_reader(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _send_line(send: Send, value: Any) -> None:
    body = value if isinstance(value, bytes) else encode(value)
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def send_changes(
    states: AsyncIterator[bytes], send_line: SendLine, keep_alive_s: float, period_s: float
) -> None:
    """Send each state that differs from the one before; after `keep_alive_s` without any, an empty line."""
    last, quiet_s = b"", 0.0
    async for state in states:
        quiet_s += period_s
        if state != last:
            last, quiet_s = state, 0.0
            await send_line(state)
        elif quiet_s >= keep_alive_s:
            quiet_s = 0.0
            await send_line(KEEP_ALIVE)
