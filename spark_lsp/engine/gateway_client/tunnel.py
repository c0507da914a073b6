"""A TCP connection through an HTTP proxy, by its CONNECT method (RFC 9110, 9.3.6)."""

import asyncio
import base64
import socket
from urllib.parse import unquote, urlsplit

from spark_lsp.errors import GatewayError
from spark_lsp.proxies import Proxy, proxy_for

MAX_ANSWER_BYTES = 16 * 1024
REMEDY = "Check the proxy's address, user name and password, or add the gateway's host to NO_PROXY"


async def open_tunnel(url: str, host: str, port: int) -> socket.socket | None:
    """Return a socket to `host` through the proxy that the environment names for `url`; None without a proxy.

    Raises `ConfigError` for a proxy that cannot be used, `GatewayError` for one that does not connect us.
    """
    proxy = proxy_for(url)
    if proxy is None:
        return None
    if not proxy.url.startswith("http:"):
        raise _make_proxy_error(proxy, "only proxies with http:// addresses can reach a gateway")
    parts = urlsplit(proxy.url)
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
        return await _connect_through(
            proxy, infos[0], f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        )
    except OSError as error:
        raise _make_proxy_error(proxy, error.strerror or "it cannot be reached") from error


async def _connect_through(
    proxy: Proxy, info: tuple[int, int, int, str, tuple[object, ...]], target: str
) -> socket.socket:
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = info
    tunnel = socket.socket(family, kind, protocol)
    tunnel.setblocking(False)
    try:
        await loop.sock_connect(tunnel, address)
        await loop.sock_sendall(tunnel, _make_connect_request(proxy, target))
        status = await _read_status(tunnel)
        if not 200 <= status < 300:
            raise _make_proxy_error(
                proxy, f"it answered with status {status}" if status else "it closed the connection"
            )
    except BaseException:
        tunnel.close()
        raise
    return tunnel


def _make_connect_request(proxy: Proxy, target: str) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    parts = urlsplit(proxy.url)
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(credentials).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_status(tunnel: socket.socket) -> int:
    """Read the proxy's answer and not a byte more; return its status, 0 if the connection ended."""
    loop = asyncio.get_running_loop()
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < MAX_ANSWER_BYTES:
        byte = await loop.sock_recv(tunnel, 1)
        if not byte:
            return 0
        head += byte
    words = head.split(b"\r\n", 1)[0].split(b" ")
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _make_proxy_error(proxy: Proxy, why: str) -> GatewayError:
    return GatewayError(
        f"The gateway cannot be reached through the proxy {proxy.shown} ({proxy.variable}): {why}",
        "No suggestions and edits until the gateway can be reached",
        REMEDY,
    )
