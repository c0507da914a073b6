"""HTTP requests to model servers, with one client per engine and a timeout for every wait.

The timeouts count only the time that we wait for the server, not the time that the reader needs. Only a token
restarts them: servers send headers, comments and empty pieces long before, and some without end.
"""

import math
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import httpx

from spark_lsp.codes import Code
from spark_lsp.engine.openai import errors
from spark_lsp.errors import ConfigError, EngineError
from spark_lsp.proxies import proxy_for
from spark_lsp.tls import certificate_problem
from spark_lsp.transports import AsyncTransport

CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
MAX_ERROR_BYTES = 64 * 1024  # bytes read of a response that is an error
MAX_LIST_BYTES = 4 * 1024 * 1024  # and of a list of models
MAX_KEPT_CONNECTIONS = 20
# The errors of a kept connection that the server has closed, before any answer.
CLOSED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


@dataclass(slots=True)
class ResponseTimeouts:
    """The time that a server has until its first token, then until each further one; 0: no limit."""

    first_s: float
    next_s: float
    begun: bool = False
    left_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.left_s = self.first_s or math.inf

    def restart(self) -> None:
        """Restart the time at a token."""
        self.begun = True
        self.left_s = self.next_s or math.inf

    def spend(self, seconds: float) -> None:
        """Subtract time that we have waited."""
        self.left_s = max(self.left_s - seconds, 0.0)

    def make_timeout_error(self, name: str) -> EngineError:
        """Return the error for the end of the time."""
        return errors.make_silence_error(name, self.next_s if self.begun else self.first_s, begun=self.begun)


class Http:
    """The HTTP client of one engine.

    `key_header` returns the header with the API key for a URL; `may_retry` spends a retry and returns whether
    one was left.
    """

    def __init__(
        self,
        name: str,
        key_header: Callable[[str], dict[str, str]],
        may_retry: Callable[[], bool],
        *,
        keep: bool,
    ) -> None:
        self._name = name
        self._key_header = key_header
        self._may_retry = may_retry
        self._keep = keep
        self._client: httpx.AsyncClient | None = None

    async def send(
        self, method: str, url: str, timeouts: ResponseTimeouts, body: Any = None
    ) -> httpx.Response:
        """Return the response after its headers; retry if the server had closed a kept connection."""
        while True:
            began = time.monotonic()
            try:
                with anyio.fail_after(timeouts.left_s):
                    return await self._client_now().send(self._request(method, url, body), stream=True)
            except TimeoutError as error:
                raise timeouts.make_timeout_error(self._name) from error
            except ConfigError as error:  # the environment names a proxy or certificates that cannot be used
                raise EngineError(
                    error.what, error.meaning, error.remedy, code=Code.ENGINE_UNAVAILABLE
                ) from error
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                if not (isinstance(error, CLOSED) and self._may_retry()):
                    raise self._make_unreachable_error(url, error) from error
            finally:
                timeouts.spend(time.monotonic() - began)

    def _make_unreachable_error(self, url: str, error: Exception) -> EngineError:
        """Return the error for a failed connection, with its cause if that is known."""
        causes = list(_causes(error))
        if failed := next((each for each in causes if isinstance(each, ssl.SSLError)), None):
            return errors.make_unreachable_error(self._name, *certificate_problem(failed))
        why = next((words for kind, words in _WHY.items() if any(isinstance(e, kind) for e in causes)), "")
        if (proxy := proxy_for(url)) is None:
            return errors.make_unreachable_error(self._name, why)
        if isinstance(error, httpx.ProxyError):
            why = f"it answered {str(error)[:80]!r}"
        return errors.make_proxy_error(self._name, f"{proxy.shown} ({proxy.variable})", why)

    async def body(self, response: httpx.Response, timeouts: ResponseTimeouts) -> AsyncGenerator[bytes, None]:
        """Give the pieces of the body as they arrive."""
        chunks: AsyncIterator[bytes] = aiter(response.aiter_bytes())
        while True:
            began = time.monotonic()
            try:
                with anyio.fail_after(timeouts.left_s):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise timeouts.make_timeout_error(self._name) from error
            except (httpx.HTTPError, OSError) as error:
                raise errors.make_broken_off_error(self._name) from error
            timeouts.spend(time.monotonic() - began)
            yield chunk

    async def read_whole(self, response: httpx.Response, timeouts: ResponseTimeouts, most: int) -> bytes:
        """Return a whole body, or its beginning if it is too large."""
        read = b""
        async for chunk in self.body(response, timeouts):
            read += chunk
            if len(read) > most:
                break
        await close(response)
        return read[:most]

    async def refusal(self, response: httpx.Response) -> tuple[EngineError, bytes]:
        """Return the error for a response with another status than 200, and the beginning of its body."""
        body = b""
        with suppress(EngineError):
            body = await self.read_whole(
                response, ResponseTimeouts(CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_S), MAX_ERROR_BYTES
            )
        await close(response)
        error = errors.make_status_error(
            self._name, response.status_code, response.headers, body, time.time()
        )
        return error, body

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT_S):
                await client.aclose()

    def _request(self, method: str, url: str, body: Any) -> httpx.Request:
        headers = {"accept-encoding": "identity"}  # compression may delay tokens
        headers |= self._key_header(url)
        return self._client_now().build_request(method, url, json=body, headers=headers)

    def _client_now(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=AsyncTransport(
                    httpx.Limits(max_keepalive_connections=MAX_KEPT_CONNECTIONS if self._keep else 0)
                ),
                trust_env=False,  # no key that the settings do not name; proxies are the transport's matter
                follow_redirects=False,  # code goes where it was allowed to go, and nowhere else
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S, pool=CONNECT_TIMEOUT_S),
            )
        return self._client


_WHY: dict[type[BaseException], str] = {
    socket.gaierror: "its host is not known",
    ConnectionRefusedError: "nothing listens at its address",
    ConnectionResetError: "the connection was reset",
    httpx.ConnectTimeout: "nothing answers at its address",
}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and its causes."""
    for _ in range(10):  # causes may go round
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup):  # one for each address that was tried
            yield from cast(BaseExceptionGroup[BaseException], error).exceptions
        error = error.__cause__ or error.__context__


async def close(response: httpx.Response) -> None:
    """Close a response, which cancels it; never raises, waits `CLOSE_TIMEOUT_S` at most."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_TIMEOUT_S), suppress(Exception):
        await response.aclose()
