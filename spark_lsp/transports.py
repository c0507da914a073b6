"""HTTP transports that choose the proxy and the certificate authorities for each request, by the environment.

httpx itself would send requests to this machine through a proxy too, and trust only the authorities that are
part of its package.
"""

import httpx

from spark_lsp.proxies import Proxy, proxy_for
from spark_lsp.tls import tls_context

_Kind = tuple[Proxy | None, bool]


def _kind(request: httpx.Request) -> _Kind:
    """Return what a request needs: a proxy, and TLS. Raises `ConfigError` for a proxy that cannot be used."""
    proxy = proxy_for(str(request.url))
    return proxy, request.url.scheme == "https" or (proxy is not None and proxy.url.startswith("https:"))


def _proxy(kind: _Kind) -> httpx.Proxy | None:
    proxy, secure = kind
    if proxy is None:
        return None
    return httpx.Proxy(
        proxy.url, ssl_context=tls_context() if secure and proxy.url.startswith("https:") else None
    )


class AsyncTransport(httpx.AsyncBaseTransport):
    """An asynchronous transport. `limits` are those of the kept connections."""

    def __init__(self, limits: httpx.Limits) -> None:
        self._limits = limits
        self._made: dict[_Kind, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises `ConfigError` for a proxy or for certificates that cannot be used."""
        kind = _kind(request)
        if kind not in self._made:
            verify = tls_context() if kind[1] else False  # reading certificates takes time
            self._made[kind] = httpx.AsyncHTTPTransport(
                verify=verify, limits=self._limits, proxy=_proxy(kind)
            )
        return await self._made[kind].handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._made.values():
            await transport.aclose()


class Transport(httpx.BaseTransport):
    """The same for a synchronous client."""

    def __init__(self) -> None:
        self._made: dict[_Kind, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises `ConfigError` for a proxy or for certificates that cannot be used."""
        kind = _kind(request)
        if kind not in self._made:
            verify = tls_context() if kind[1] else False
            self._made[kind] = httpx.HTTPTransport(verify=verify, proxy=_proxy(kind))
        return self._made[kind].handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        for transport in self._made.values():
            transport.close()
