"""Who may come in: the token, or the proof of knowing it; never a page in a browser.

A page can open WebSockets to the loopback interface too, so a request that bears an `Origin` is refused
whatever token it has. A client of ours that cannot be sure who listens on a port sends a random number in
place of the token; then each side proves to the other that it knows the token, before anything is said.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable

import anyio
from starlette.requests import HTTPConnection
from starlette.responses import Response

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.gateway.http import error_response
from spark_lsp.wire import codec
from spark_lsp.wire.frames import Challenge
from spark_lsp.wire.proof import NONCE_HEADER, PROOF_HEADER, proof_of, proves

PATIENCE = 5.0  # seconds in which a challenge must be answered
MIN_NONCE, MAX_NONCE = 16, 128


class Stranger(RemoteProtocolError):
    """Somebody who was challenged and does not know the token."""


class Door:
    """See the module's text."""

    def __init__(self, token: str) -> None:
        self._token = token

    def nonce(self, connection: HTTPConnection) -> str:
        """Return the number of a client that wants a proof of us and has sent no token, else nothing."""
        nonce = connection.headers.get(NONCE_HEADER, "")
        fits = MIN_NONCE <= len(nonce) <= MAX_NONCE
        return nonce if fits and "authorization" not in connection.headers else ""

    def refusal(self, connection: HTTPConnection, *, proof: bool = False) -> Response | None:
        """Return what somebody is told who may not come in; with `proof` that is yet to be seen."""
        if "origin" in connection.headers:
            return error_response(403, Code.FORBIDDEN_ORIGIN, "Browsers are not served here")
        given = connection.headers.get("authorization", "").encode()
        if not proof and not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            message = "Wrong or missing token. Send `Authorization: Bearer TOKEN` with the gateway's token"
            return error_response(401, Code.INVALID_API_KEY, message)
        return None

    def proof(self, connection: HTTPConnection) -> dict[str, str]:
        """Return the header that answers a client's nonce, if it has sent one in place of the token."""
        nonce = self.nonce(connection)
        return {PROOF_HEADER: proof_of(self._token, "gateway", nonce)} if nonce else {}

    async def challenge(
        self,
        nonce: str,
        receive: Callable[[], Awaitable[str | bytes | None]],
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        """Prove ourselves and have the client do so. Raises `Stranger` if it cannot, or is silent."""
        ours = secrets.token_hex(16)
        proof = proof_of(self._token, "gateway", nonce)
        await send(codec.encode(Challenge(nonce=ours, proof=proof)))
        answer: str | bytes | None = None
        with anyio.move_on_after(PATIENCE):
            answer = await receive()
        if not self._knows(ours, answer):
            raise Stranger("Wrong or missing token", "Nothing was said", "Use the gateway's own token")

    def _knows(self, nonce: str, answer: str | bytes | None) -> bool:
        try:
            _, frame = codec.decode(answer or "", codec.AUTH_FRAMES)
        except RemoteProtocolError:
            return False
        return frame is not None and proves(self._token, "client", nonce, frame.proof)
