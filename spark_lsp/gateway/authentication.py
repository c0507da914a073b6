"""Authentication: each request needs the gateway's token, or proof that the client knows it.

A page in a browser can open WebSockets to the loopback interface too, so a request with an `Origin` header is
refused, even with the token. A spark.v1 client on a port cannot be sure that the process there is its
gateway. It therefore sends a random number (a *nonce*) instead of the token. Then each side proves to the
other that it knows the token, before any other message.

A team's gateway also has a file of users, each with a token. A proxy that has authenticated its users by
other means, such as OpenID Connect, sends the gateway's own token, and the user's name in `X-Forwarded-User`.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable

import anyio
from starlette.requests import HTTPConnection
from starlette.responses import Response

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.gateway.http_errors import error_response
from spark_lsp.gateway.users import Users
from spark_lsp.wire import codec
from spark_lsp.wire.frames import Challenge
from spark_lsp.wire.proof import NONCE_HEADER, PROOF_HEADER, proof_of, proves

CHALLENGE_TIMEOUT_S = 5.0
USER_HEADER = "x-forwarded-user"
MAX_USER_CHARS = 128
SCHEME = "Bearer "
MIN_NONCE_CHARS = 16
MAX_NONCE_CHARS = 128


class AuthenticationError(RemoteProtocolError):
    """The client did not prove that it knows the token."""


class Authenticator:
    """See the module's text."""

    def __init__(self, token: str, users: Users | None = None) -> None:
        self._token = token
        self._users = users

    def find_user(self, connection: HTTPConnection) -> str:
        """Return the name of an authorised request's user; empty for the gateway's own token alone."""
        given = connection.headers.get("authorization", "")
        if self._users is not None and not self._is_own_token(given):
            return self._users.find(given.removeprefix(SCHEME)) or ""
        return connection.headers.get(USER_HEADER, "")[:MAX_USER_CHARS] if given else ""

    def take_gone(self) -> set[str]:
        """Return the users whose tokens have been removed or replaced since the last call."""
        return self._users.take_gone() if self._users is not None else set()

    def read_nonce(self, connection: HTTPConnection) -> str:
        """Return the nonce of a client that wants proof and has sent no token, else an empty string."""
        nonce = connection.headers.get(NONCE_HEADER, "")
        fits = MIN_NONCE_CHARS <= len(nonce) <= MAX_NONCE_CHARS
        return nonce if fits and "authorization" not in connection.headers else ""

    def find_refusal(self, connection: HTTPConnection, *, challenged: bool = False) -> Response | None:
        """Return a 401 or 403 response, or None if the request is authorised.

        With `challenged`, the token is left to the challenge.
        """
        if "origin" in connection.headers:
            return error_response(403, Code.FORBIDDEN_ORIGIN, "Browsers are not served here")
        if not challenged and not self._is_authorised(connection.headers.get("authorization", "")):
            message = "Wrong or missing token. Send `Authorization: Bearer TOKEN` with the gateway's token"
            return error_response(401, Code.INVALID_API_KEY, message)
        return None

    def _is_own_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), f"{SCHEME}{self._token}".encode())

    def _is_authorised(self, given: str) -> bool:
        if self._is_own_token(given):
            return True
        if self._users is None or not given.startswith(SCHEME):
            return False
        return self._users.find(given.removeprefix(SCHEME)) is not None

    def make_proof_header(self, connection: HTTPConnection) -> dict[str, str]:
        """Return the header that answers a client's nonce, if it has sent one instead of the token."""
        nonce = self.read_nonce(connection)
        return {PROOF_HEADER: proof_of(self._token, "gateway", nonce)} if nonce else {}

    async def challenge(
        self,
        nonce: str,
        receive: Callable[[], Awaitable[str | bytes | None]],
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        """Exchange proofs with the client.

        Raises `AuthenticationError` if the client's is wrong or missing.
        """
        nonce_for_client = secrets.token_hex(16)
        proof = proof_of(self._token, "gateway", nonce)
        await send(codec.encode(Challenge(nonce=nonce_for_client, proof=proof)))
        answer: str | bytes | None = None
        with anyio.move_on_after(CHALLENGE_TIMEOUT_S):
            answer = await receive()
        if not self._is_proof(nonce_for_client, answer):
            raise AuthenticationError(
                "Wrong or missing token", "No data was sent", "Use the gateway's own token"
            )

    def _is_proof(self, nonce: str, answer: str | bytes | None) -> bool:
        try:
            _, frame = codec.decode(answer or "", codec.AUTH_FRAMES)
        except RemoteProtocolError:
            return False
        return frame is not None and proves(self._token, "client", nonce, frame.proof)
