"""Reaching a gateway: its address, who we say we are, and who it proves to be.

A gateway that was named gets its token. One that was found by its state file on a port never does: somebody
else may listen there by now, so each side proves that it knows the token, and a stranger learns nothing.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from spark_lsp.errors import ConfigError, GatewayError, RemoteProtocolError
from spark_lsp.tls import certificate_problem
from spark_lsp.wire import codec
from spark_lsp.wire.frames import SUBPROTOCOL, Auth
from spark_lsp.wire.proof import NONCE_HEADER, PROOF_HEADER, proof_of, proves

if TYPE_CHECKING:
    from spark_lsp.engine.gateway_client.socket import Socket

__all__ = ["NONCE_HEADER", "PROOF_HEADER", "Endpoint", "mute", "open_socket", "vouches"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway is: `ws://…`, `wss://…` or `ws+unix:PATH`, and the token it wants.

    `own`: it is the user's own gateway, started for this user on this machine.
    With `proves` it must show that it knows the token, and never gets it: somebody else may listen on a
    port by now.
    """

    url: str
    token: str = field(default="", repr=False)
    proves: bool = False
    own: bool = False


async def open_socket(endpoint: Endpoint, patience: float) -> "Socket":
    """Return a socket on which both sides know whom they talk to. Raises `GatewayError` or `OSError`.

    No step may take longer than `patience` seconds.
    """
    from spark_lsp.engine.gateway_client.dial import open_websocket
    from spark_lsp.engine.gateway_client.socket import HandshakeFailed

    headers = _introduction(endpoint)
    try:
        socket = await open_websocket(endpoint.url, SUBPROTOCOL, headers, patience)
    except HandshakeFailed as error:
        raise (_stranger() if endpoint.proves else _refused(error.status)) from error
    except ConfigError as error:  # the environment names a proxy or certificates that cannot be used
        raise GatewayError(error.what, error.meaning, error.remedy) from error
    except ssl.SSLError as error:
        raise _insecure(error) from error
    except OSError:  # before `ValueError`: some errors are both
        raise
    except (ValueError, NotImplementedError) as error:  # the latter: no Unix sockets on this system
        raise _no_address() from error
    if endpoint.proves:
        await _prove(socket, endpoint.token, headers[NONCE_HEADER], patience)
    return socket


def vouches(token: str, nonce: str, proof: str) -> bool:
    """Return whether a gateway that was sent `nonce` has answered with the proof that it knows the token."""
    return proves(token, "gateway", nonce, proof)


def _introduction(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers that say who we are: the token, or a number that asks for a proof."""
    if endpoint.proves:
        import secrets

        return {NONCE_HEADER: secrets.token_hex(16)}
    return {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}


async def _prove(socket: "Socket", token: str, nonce: str, patience: float) -> None:
    """Prove each other that we know the token; else nothing more is said. Raises `GatewayError`."""
    proved = False
    try:
        proved = await _proved(socket, token, nonce, patience)
    finally:
        if not proved:
            await socket.close()
    if not proved:
        raise _stranger()


async def _proved(socket: "Socket", token: str, nonce: str, patience: float) -> bool:
    """Return whether the other side has proved that it knows the token, and prove it too."""
    proof = ""
    with anyio.move_on_after(patience), suppress(RemoteProtocolError):
        first, *_ = await socket.receive_messages()
        _, challenge = codec.decode(first, codec.CHALLENGE_FRAMES)
        proof = challenge.proof if challenge is not None else ""
        ours = challenge.nonce if challenge is not None else ""
        if proves(token, "gateway", nonce, proof):
            await socket.send_text(codec.encode(Auth(proof=proof_of(token, "client", ours))))
            return True
    return False


def _stranger() -> GatewayError:
    return GatewayError(
        "What listens at the gateway's port does not know our token",
        "Nothing was sent to it; no suggestions and no edits until the gateway is found",
        "It is looked for again by itself",
    )


def mute() -> GatewayError:
    """Return what is said of one that lets us in and says nothing."""
    return GatewayError(
        "What answers at the gateway's address does not greet us",
        "No suggestions and no edits until it does",
        "It is tried again by itself; check spark.engine.url if it stays so",
    )


def _refused(status: int | None) -> GatewayError:
    """Return the error for a handshake that failed with an HTTP status, or without any."""
    if status in (401, 403):
        return GatewayError(
            "The gateway refused our token",
            "No suggestions and no edits until it is accepted",
            'Set SPARK_LSP_TOKEN to the gateway\'s token, or set spark.engine.url to "auto"',
        )
    if status is not None and 300 <= status < 400:
        return GatewayError(
            f"What answers at the gateway's address sends us elsewhere (status {status})",
            "Nothing was sent there; no suggestions and no edits until a gateway answers",
            "Set spark.engine.url to the address that is meant",
        )
    answer = f"status {status}" if status is not None else "its answer is not a valid WebSocket handshake"
    return GatewayError(
        f"What answers at the gateway's address is not a gateway ({answer})",
        "No suggestions and no edits until a gateway answers there",
        "Check spark.engine.url",
    )


def _insecure(error: ssl.SSLError) -> GatewayError:
    """Return the error for a TLS connection that could not be made."""
    why, remedy = certificate_problem(error)
    return GatewayError(
        f"The gateway cannot be reached: {why}",
        "Nothing was sent to it; no suggestions and no edits until it can",
        remedy,
    )


def _no_address() -> GatewayError:
    return GatewayError(
        "The address of the gateway cannot be used",
        "No suggestions and no edits until it is changed",
        'Set spark.engine.url to a ws:// or wss:// address, or to "auto"',
    )
