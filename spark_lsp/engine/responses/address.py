"""The addresses of a service: one for its WebSocket, one for requests over HTTP. No I/O.

A base URL may have the scheme of either. `/responses` is appended unless the path ends with it. A query, as
Azure's (`?api-version=…`), is part of both addresses.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from spark_lsp.engine.openai.servers import Server, normal_url

UNIX = "ws+unix:"
_HTTP_OF = {"ws": "http", "wss": "https"}
_WEBSOCKET_OF = {"http": "ws", "https": "wss"}
_PATH = "/responses"


@dataclass(frozen=True, slots=True)
class Address:
    """`websocket` and `http` are the addresses of requests; `http` is empty for a Unix socket.

    `fault` is the end of a sentence that begins with the URL; empty if it can be used. `shown` has no query.
    """

    websocket: str = ""
    http: str = ""
    fault: str = ""
    is_azure: bool = False
    is_near: bool = False
    shown: str = ""


def address_of(base_url: str) -> Address:
    """Return the addresses of a base URL."""
    url = base_url.strip()
    if url.startswith(UNIX):
        return Address(websocket=url, is_near=True, shown=url)
    scheme, separator, rest = url.partition("://")
    http = normal_url(f"{_HTTP_OF.get(scheme, scheme)}{separator}{rest}")
    server = Server(http)
    shown = url.rsplit("@")[-1].partition("?")[0][:80]
    if server.fault:
        return Address(fault=server.fault, shown=shown)
    parts = urlsplit(http)
    parts = parts._replace(path=parts.path.removesuffix(_PATH) + _PATH)
    websocket = parts._replace(scheme=_WEBSOCKET_OF[parts.scheme]).geturl()
    return Address(
        websocket,
        parts.geturl(),
        is_azure=server.is_azure,
        is_near=server.is_near,
        shown=shown,
    )
