"""Reaching a gateway: its address, who we say we are, and who it proves to be.

A gateway that was named gets its token. One that was found by its state file on a port never does: somebody
else may listen there by now, so each side proves that it knows the token, and a stranger learns nothing.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import anyio

from spark_lsp.engine.tunnel import open_tunnel
from spark_lsp.errors import ConfigError, GatewayError, RemoteProtocolError
from spark_lsp.tls import certificate_problem, tls_context
from spark_lsp.wire import codec
from spark_lsp.wire.frames import SUBPROTOCOL, Auth
from spark_lsp.wire.proof import NONCE_HEADER, PROOF_HEADER, proof_of, proves

if TYPE_CHECKING:
    from spark_lsp.engine.socket import Socket

__all__ = ["NONCE_HEADER", "PROOF_HEADER", "Endpoint", "close", "mute", "open_socket", "vouches"]

MAX_MESSAGE = 16 * 1024 * 1024


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
    from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

    try:
        socket = await _open(endpoint, patience)
        if endpoint.proves:
            await _prove(socket, endpoint.token, patience)
        return socket
    except ConfigError as error:  # the environment names a proxy or certificates that cannot be used
        raise GatewayError(error.what, error.meaning, error.remedy) from error
    except ssl.SSLError as error:
        raise _untrusted(error) from error
    except (InvalidURI, ValueError) as error:
        raise _no_address() from error
    except ConnectionClosed as error:
        raise ConnectionError from error
    except WebSocketException as error:
        raise (_stranger() if endpoint.proves else _refused(error)) from error


async def _open(endpoint: Endpoint, patience: float) -> "Socket":
    from websockets.asyncio.client import connect, unix_connect
    from websockets.typing import Subprotocol

    from spark_lsp.engine.socket import Socket

    options: dict[str, Any] = {
        "additional_headers": _introduction(endpoint),
        "subprotocols": [Subprotocol(SUBPROTOCOL)],
        "compression": None,
        "max_size": MAX_MESSAGE,
        "ping_interval": None,
        "open_timeout": patience,
        "close_timeout": 1,
        "create_connection": Socket,
    }
    if endpoint.url.startswith("ws+unix:"):
        path = endpoint.url.removeprefix("ws+unix:")
        return cast("Socket", await unix_connect(path, "ws://localhost/v1/responses", **options))
    options |= await _network(endpoint.url)
    connecting = connect(endpoint.url, **options, proxy=None)
    connecting.process_redirect = _stay  # the user has agreed to this address and to no other
    return cast("Socket", await connecting)


async def _network(url: str) -> dict[str, Any]:
    """Return how the address is reached: through a proxy or not, and whom we trust."""
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    options: dict[str, Any] = {"ssl": tls_context()} if secure else {}
    tunnel = await open_tunnel(url, parts.hostname or "", parts.port or (443 if secure else 80))
    if tunnel is not None:
        options["sock"] = tunnel
        if secure:
            options["server_hostname"] = parts.hostname
    return options


def _stay(exc: Exception) -> Exception:
    return exc


def vouches(token: str, nonce: str, proof: str) -> bool:
    """Return whether a gateway that was sent `nonce` has answered with the proof that it knows the token."""
    return proves(token, "gateway", nonce, proof)


def _introduction(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers that say who we are: the token, or a number that asks for a proof."""
    if endpoint.proves:
        import secrets

        return {NONCE_HEADER: secrets.token_hex(16)}
    return {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}


async def _prove(socket: "Socket", token: str, patience: float) -> None:
    """Prove each other that we know the token; else nothing more is said. Raises `GatewayError`."""
    proved = False
    try:
        proved = await _proved(socket, token, patience)
    finally:
        if not proved:
            await close(socket)
    if not proved:
        raise _stranger()


async def _proved(socket: "Socket", token: str, patience: float) -> bool:
    """Return whether the other side has proved that it knows the token, and prove it too."""
    assert socket.request is not None
    nonce = socket.request.headers[NONCE_HEADER]
    proof = ""
    with anyio.move_on_after(patience), suppress(RemoteProtocolError):
        _, challenge = codec.decode("".join((await socket.hear())[:1]), codec.CHALLENGE_FRAMES)
        proof = challenge.proof if challenge is not None else ""
        ours = challenge.nonce if challenge is not None else ""
        if proves(token, "gateway", nonce, proof):
            await socket.say(codec.encode(Auth(proof=proof_of(token, "client", ours))))
            return True
    return False


async def close(socket: "Socket") -> None:
    """Say goodbye if that is heard soon, and free the socket."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(1), suppress(Exception):
        await socket.close()
    socket.transport.abort()


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


def _refused(error: Exception) -> GatewayError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
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
    return GatewayError(
        f"What answers at the gateway's address is no gateway (status {status})",
        "No suggestions and no edits until one answers there",
        "Check spark.engine.url",
    )


def _untrusted(error: ssl.SSLError) -> GatewayError:
    why, remedy = certificate_problem(error)
    return GatewayError(
        f"The gateway cannot be reached: {why}", "No suggestions and no edits until it can", remedy
    )


def _no_address() -> GatewayError:
    return GatewayError(
        "The address of the gateway cannot be used",
        "No suggestions and no edits until it is changed",
        'Set spark.engine.url to a ws:// or wss:// address, or to "auto"',
    )
