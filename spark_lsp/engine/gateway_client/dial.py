"""Opening a WebSocket connection: TCP, TLS or a Unix socket, then the handshake.

Redirects are not followed. A proxy that the environment names is used for addresses outside this machine.
"""

import asyncio
from collections.abc import Mapping

import anyio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from spark_lsp import __version__
from spark_lsp.engine.gateway_client.socket import MAX_MESSAGE, SILENT, Socket
from spark_lsp.engine.gateway_client.tunnel import open_tunnel
from spark_lsp.tls import tls_context

UNIX = "ws+unix:"
UNIX_REQUEST = "ws://localhost/v1/responses"  # the request line and Host of a Unix socket


async def open_websocket(url: str, subprotocol: str, headers: Mapping[str, str], patience: float) -> Socket:
    """Connect to `ws://…`, `wss://…` or `ws+unix:PATH` and offer the subprotocol, if any, uncompressed.

    Raises `HandshakeFailed` if the peer does not accept, `ValueError` for a URL that cannot be used, another
    `OSError` if the connection fails, and `TimeoutError` after `patience` seconds.
    """
    uri = _parse_url(UNIX_REQUEST if url.startswith(UNIX) else url)
    protocol = ClientProtocol(
        uri,
        subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
        max_size=MAX_MESSAGE,
        logger=SILENT,
    )
    with anyio.fail_after(patience):
        if url.startswith(UNIX):
            socket = await _connect_unix(protocol, url.removeprefix(UNIX))
        else:
            socket = await _connect_tcp(protocol, uri, url)
        try:
            await socket.shake_hands({"User-Agent": f"spark-lsp/{__version__}", **headers})
        except BaseException:
            socket.abort()
            raise
    return socket


def _parse_url(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except InvalidURI as error:
        raise ValueError("not a WebSocket URL") from error


async def _connect_unix(protocol: ClientProtocol, path: str) -> Socket:
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_unix_connection(lambda: Socket(protocol), path)
    return socket


async def _connect_tcp(protocol: ClientProtocol, uri: WebSocketURI, url: str) -> Socket:
    tls = tls_context() if uri.secure else None
    loop = asyncio.get_running_loop()
    tunnel = await open_tunnel(url, uri.host, uri.port)
    if tunnel is None:
        _, socket = await loop.create_connection(lambda: Socket(protocol), uri.host, uri.port, ssl=tls)
        return socket
    name = uri.host if tls is not None else None
    _, socket = await loop.create_connection(
        lambda: Socket(protocol), sock=tunnel, ssl=tls, server_hostname=name
    )
    return socket
