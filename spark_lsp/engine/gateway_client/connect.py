"""Opens an authenticated connection to a gateway.

A gateway that the settings name gets its token in a header. A gateway on a port, found by its state file,
never does: another program may listen on that port by now. Both sides therefore prove by challenge and
response that they know the token, and another program learns nothing.
"""

import math
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from spark_lsp.codes import Code
from spark_lsp.errors import ConfigError, GatewayError, RemoteProtocolError
from spark_lsp.tls import certificate_problem
from spark_lsp.wire import codec
from spark_lsp.wire.frames import SUBPROTOCOL, Auth
from spark_lsp.wire.proof import NONCE_HEADER, PROOF_HEADER, proof_of, proves

if TYPE_CHECKING:
    from spark_lsp.engine.gateway_client.socket import HandshakeFailed, Socket

SESSION_HEADER = (
    "session-id"  # also of Codex; a balancer may keep all connections of a session on one gateway
)
MAX_RETRY_AFTER_S = 60.0

__all__ = ["NONCE_HEADER", "PROOF_HEADER", "Endpoint", "no_hello", "open_socket", "vouches"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a gateway, `ws://…`, `wss://…` or `ws+unix:PATH`, and its token.

    `own`: it is the user's own gateway, started for this user on this machine.
    `proves`: it must prove that it knows the token, and never gets it.
    """

    url: str
    token: str = field(default="", repr=False)
    proves: bool = False
    own: bool = False


async def open_socket(endpoint: Endpoint, timeout_s: float, session: str = "") -> "Socket":
    """Return an authenticated connection. Raises `GatewayError` or `OSError`.

    `session` is a random name, the same for all connections of one client. Each step may take `timeout_s`
    seconds at most.
    """
    from spark_lsp.engine.gateway_client.dial import open_websocket
    from spark_lsp.engine.gateway_client.socket import HandshakeFailed

    headers = _authentication_headers(endpoint)
    if session:
        headers[SESSION_HEADER] = session
    try:
        socket = await open_websocket(endpoint.url, SUBPROTOCOL, headers, timeout_s)
    except HandshakeFailed as error:
        raise (_not_our_gateway() if endpoint.proves else _handshake_rejected(error)) from error
    except ConfigError as error:  # the environment names a proxy or certificates that cannot be used
        raise GatewayError(error.what, error.meaning, error.remedy) from error
    except ssl.SSLError as error:
        raise _tls_failed(error) from error
    except OSError:  # before `ValueError`: some errors are both
        raise
    except (ValueError, NotImplementedError) as error:  # the latter: no Unix sockets on this system
        raise _invalid_address() from error
    if endpoint.proves:
        await _authenticate_peer(socket, endpoint.token, headers[NONCE_HEADER], timeout_s)
    return socket


def vouches(token: str, nonce: str, proof: str) -> bool:
    """Return whether `proof`, the answer to `nonce`, proves that the gateway knows the token."""
    return proves(token, "gateway", nonce, proof)


def _authentication_headers(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers that authenticate us: the token, or a nonce that requests a proof."""
    if endpoint.proves:
        import secrets

        return {NONCE_HEADER: secrets.token_hex(16)}
    return {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}


async def _authenticate_peer(socket: "Socket", token: str, nonce: str, timeout_s: float) -> None:
    """Authenticate both sides, or close the socket and raise `GatewayError`."""
    proved = False
    try:
        proved = await _exchange_proofs(socket, token, nonce, timeout_s)
    finally:
        if not proved:
            await socket.close()
    if not proved:
        raise _not_our_gateway()


async def _exchange_proofs(socket: "Socket", token: str, nonce: str, timeout_s: float) -> bool:
    """Return whether the gateway has proved that it knows the token; if so, prove it to the gateway too."""
    proof = ""
    with anyio.move_on_after(timeout_s), suppress(RemoteProtocolError):
        first, *_ = await socket.receive_messages()
        _, challenge = codec.decode(first, codec.CHALLENGE_FRAMES)
        proof = challenge.proof if challenge is not None else ""
        ours = challenge.nonce if challenge is not None else ""
        if proves(token, "gateway", nonce, proof):
            await socket.send_text(codec.encode(Auth(proof=proof_of(token, "client", ours))))
            return True
    return False


def _not_our_gateway() -> GatewayError:
    return GatewayError(
        "The process on the gateway's port is not our gateway (it could not prove that it knows the token)",
        "spark-lsp sent it no data. No suggestions and edits until the gateway is found",
        "No action needed: spark-lsp starts a new gateway",
    )


def no_hello() -> GatewayError:
    """Return the error for a server that accepts the connection and sends no `hello`."""
    return GatewayError(
        "Connected to the gateway's address, but received no `hello`",
        "No suggestions and edits until the gateway answers",
        "Retrying automatically. If this persists, check spark.engine.url",
    )


def _handshake_rejected(failure: "HandshakeFailed") -> GatewayError:
    """Return the error for a handshake that failed with an HTTP status, or without any."""
    status = failure.status
    if status in (429, 503):
        return _gateway_full(failure.headers)
    if status in (401, 403):
        return GatewayError(
            "The gateway rejected the token",
            "No suggestions and edits until the token is correct",
            'Set SPARK_LSP_TOKEN to the gateway\'s token, or set spark.engine.url to "auto"',
        )
    if status is not None and 300 <= status < 400:
        return GatewayError(
            f"The server at the gateway's address redirects to another address (status {status})",
            "spark-lsp sent no data there. No suggestions and edits until a gateway answers",
            "Set spark.engine.url to the final address",
        )
    answer = "its answer is not a valid WebSocket handshake" if status is None else f"status {status}"
    return GatewayError(
        f"The server at the gateway's address is not a gateway ({answer})",
        "No suggestions and edits until a gateway answers there",
        "Check spark.engine.url",
    )


def _gateway_full(headers: Mapping[str, str]) -> GatewayError:
    """Return the error for a gateway, or a proxy in front of it, that takes no more connections now."""
    pause_s = 0.0
    with suppress(ValueError):  # a date, which gateways do not send, or nothing
        pause_s = float(headers.get("retry-after", ""))
    return GatewayError(
        "The gateway takes no more connections at present",
        "No suggestions and edits until it has room",
        "Retrying automatically. If this persists, inform the administrator of the gateway",
        code=Code.GATEWAY_FULL,
        retry_after=min(max(pause_s, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(pause_s) else 0.0,
    )


def _tls_failed(error: ssl.SSLError) -> GatewayError:
    """Return the error for a TLS connection that could not be made."""
    why, remedy = certificate_problem(error)
    return GatewayError(
        f"The gateway cannot be reached: {why}",
        "spark-lsp sent no data. No suggestions and edits until the gateway can be reached",
        remedy,
    )


def _invalid_address() -> GatewayError:
    return GatewayError(
        "The address of the gateway is invalid",
        "No suggestions and edits until it is corrected",
        'Set spark.engine.url to a ws:// or wss:// address, or to "auto"',
    )
