"""A port on the loopback interface for browsers, opened when the first one is needed.

An editor's gateway listens on a Unix socket, which no browser can use. It has no port at all until the user
runs `spark-lsp open`. The port serves the page and nothing else: other programs still need the socket.
"""

import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio
import uvicorn

from spark_lsp.gateway.listener import Address, bind_address
from spark_lsp.gateway.page.admission import is_loopback
from spark_lsp.gateway.page.pages import Page

if TYPE_CHECKING:
    import socket

SIGNALS = (signal.SIGINT, signal.SIGTERM)
POLL_S = 0.02


class Door:
    """See the module's text. `address` is the page's, if the gateway itself listens on loopback."""

    def __init__(self, page: Page, address: str = "") -> None:
        self._page = page
        self._address = address
        self._server: uvicorn.Server | None = None
        self._listener: socket.socket | None = None
        self._wanted = anyio.Event()
        self._ended = anyio.Event()

    async def open(self) -> str:
        """Return the page's address; listen there first, if need be. Raises `ConfigError` if it cannot."""
        if not self._address:
            self._listener, url = bind_address(Address())
            self._address = page_address(url)
            self._server = uvicorn.Server(_make_config(self._page))
            self._wanted.set()
        while self._server is not None and not self._server.started:  # uvicorn has no event for it
            await anyio.sleep(POLL_S)
        return self._address

    async def run(self) -> None:
        """Serve from the first `open` to `end`."""
        await self._wanted.wait()
        if self._server is None or self._listener is None:
            return
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_keep_handlers, self._server, handlers)
                await self._server.serve(sockets=[self._listener])
                group.cancel_scope.cancel()
        finally:
            self._ended.set()

    async def end(self) -> None:
        """Stop listening, and return when that is done."""
        if self._server is not None:
            self._server.should_exit = True
            await self._ended.wait()


async def _keep_handlers(server: uvicorn.Server, handlers: Mapping[signal.Signals, Any]) -> None:
    """Put the gateway's signal handlers back: uvicorn sets its own when it starts."""
    while not server.started:
        await anyio.sleep(POLL_S)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _make_config(page: Page) -> uvicorn.Config:
    return uvicorn.Config(
        page, ws="none", access_log=False, log_config=None, lifespan="off", timeout_graceful_shutdown=2
    )


def own_address(url: str, address: Address, names: Sequence[str] = ()) -> str:
    """Return the page's address on a gateway that listens where the browser can reach it, else "".

    That is the loopback interface, or a port under the first of the `names` of `--page-host`.
    """
    if address.uds is not None:
        return ""
    if names:
        return f"http://{names[0]}:{url.rpartition(':')[2].removesuffix('v1/responses')}"
    return page_address(url) if is_loopback(address.host) else ""


def page_address(url: str) -> str:
    """Return the page's address on the gateway with that URL."""
    return url.replace("ws://", "http://", 1).removesuffix("v1/responses")
