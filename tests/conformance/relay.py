"""A relay between a client and a gateway that keeps every message of their WebSockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Json = dict[str, Any]


def unchanged(message: Json) -> Json:
    """Relay a message as it is."""
    return message


@dataclass
class Link:
    """One connection: what the client asked for and said, and what it was told."""

    headers: dict[str, str]
    said: list[Json] = field(default_factory=list[Json])
    told: list[Json] = field(default_factory=list[Json])
    closed: bool = False

    def creates(self) -> list[Json]:
        return [message for message in self.said if message["type"] == "response.create"]

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.told]


@dataclass
class Relay:
    """Relays to the gateway at `url`; `change` may alter what a client says on its way."""

    target: str
    change: Callable[[Json], Json] = unchanged
    links: list[Link] = field(default_factory=list[Link])
    url: str = ""

    async def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Only WebSockets are relayed."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        return socket.respond(HTTPStatus.NOT_FOUND, "")

    async def talk(self, client: ServerConnection) -> None:
        assert client.request is not None
        link = Link({name.lower(): value for name, value in client.request.headers.raw_items()})
        self.links.append(link)
        headers = {"Authorization": link.headers["authorization"]}
        async with connect(self.target, additional_headers=headers, max_size=None, proxy=None) as gateway:
            up = asyncio.ensure_future(self._up(client, gateway, link))
            down = asyncio.ensure_future(self._down(gateway, client, link))
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            for pump in (up, down):
                pump.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        link.closed = True

    async def _up(self, client: ServerConnection, gateway: ClientConnection, link: Link) -> None:
        with suppress(ConnectionClosed):
            async for message in client:
                said = self.change(json.loads(message))
                link.said.append(said)
                await gateway.send(json.dumps(said))

    async def _down(self, gateway: ClientConnection, client: ServerConnection, link: Link) -> None:
        with suppress(ConnectionClosed):
            async for message in gateway:
                link.told.append(json.loads(message))
                await client.send(message)


@asynccontextmanager
async def relay(target: str, change: Callable[[Json], Json] = unchanged) -> AsyncIterator[Relay]:
    """Stand between a client and the gateway at `target`, which is a `ws://` address."""
    made = Relay(target, change)
    async with serve(
        made.talk, "127.0.0.1", 0, process_request=made.admit, max_size=None, close_timeout=0.2
    ) as server:
        made.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1"
        yield made
