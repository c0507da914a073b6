"""Opens the WebSocket to a service, with errors for the user.

A service that answers the handshake as if it knew no WebSocket (426, or another status that says nothing
about the key or the load) raises `NoWebSocket`: it gets its requests over HTTP.
"""

import secrets
import socket as sockets
import ssl
import time
from collections.abc import Callable
from functools import cache

from spark_lsp.engine.gateway_client.dial import open_websocket
from spark_lsp.engine.gateway_client.socket import HandshakeFailed, Socket
from spark_lsp.engine.openai import errors
from spark_lsp.engine.openai.http import CONNECT_TIMEOUT_S
from spark_lsp.engine.responses.address import Address
from spark_lsp.engine.responses.errors import RefusedError
from spark_lsp.engine.responses.events import Refusal
from spark_lsp.errors import ConfigError, EngineError, GatewayError
from spark_lsp.tls import certificate_problem
from spark_lsp.wire.frames import SUBPROTOCOL

BETA = "responses_websockets=2026-02-06"
# An answer to the handshake that a request over HTTP would get too: the key, the proxy, the load. 403 may
# mean the key, or a proxy that forbids WebSockets: the request over HTTP decides.
_MEANT = (401, 407, 429)


class NoWebSocket(Exception):
    """The service does not accept the WebSocket; `status` is that of its answer, None without one."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"no WebSocket (status {status})")
        self.status = status

    @property
    def reason(self) -> str:
        """The reason, for the user."""
        answer = "its answer is not a handshake" if self.status is None else f"status {self.status}"
        return f"the service refused the WebSocket: {answer}"


@cache
def session_headers() -> dict[str, str]:
    """Return the headers of every request of this process; `session-id` is random."""
    return {"session-id": secrets.token_hex(16)}


async def open_service(
    name: str, address: Address, key_header: Callable[[], dict[str, str]], *, offers_spark: bool = True
) -> Socket:
    """Return an open WebSocket; with `offers_spark`, a gateway may select our own protocol.

    Raises `NoWebSocket`, or `EngineError` if the service cannot be used."""
    headers = {
        **session_headers(),
        "OpenAI-Beta": BETA,
        "x-responsesapi-include-timing-metrics": "true",
        **key_header(),
    }
    try:
        offered = SUBPROTOCOL if offers_spark else ""
        return await open_websocket(address.websocket, offered, headers, CONNECT_TIMEOUT_S)
    except HandshakeFailed as error:
        status = error.status
        if status is not None and (status in _MEANT or status >= 500 or 300 <= status < 400):
            refusal = Refusal(status, headers=error.headers)
            made = errors.make_status_error(name, status, error.headers, b"", time.time())
            raise RefusedError(made, refusal) from error
        if not address.http:
            raise errors.make_unreachable_error(name, "it is not a gateway") from error
        raise NoWebSocket(status) from error
    except (ConfigError, GatewayError) as error:  # a proxy or certificates that cannot be used
        raise _make_unavailable_error(error) from error
    except ssl.SSLError as error:
        raise errors.make_unreachable_error(name, *certificate_problem(error)) from error
    except OSError as error:  # `TimeoutError` too
        raise errors.make_unreachable_error(name, _find_cause(error)) from error
    except (ValueError, NotImplementedError) as error:
        raise errors.make_unreachable_error(name, "its address is invalid") from error


def _make_unavailable_error(error: ConfigError | GatewayError) -> EngineError:
    return EngineError(error.what, error.meaning, error.remedy, code=errors.make_unreachable_error("").code)


def _find_cause(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "nothing answers at its address"
    if isinstance(error, sockets.gaierror):
        return "its host is not known"
    return "nothing listens at its address" if isinstance(error, ConnectionRefusedError) else ""
