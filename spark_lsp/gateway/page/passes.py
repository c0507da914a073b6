"""Tickets and passes: how a browser gets into the page, without the gateway's token.

`spark-lsp open` knows the token and gets a *ticket* for it: a random word that is valid once, for a minute.
It is in the fragment of the page's address, which a browser sends to nobody. The page exchanges it for a
*pass*, which it keeps in the storage of its tab and sends in a header.

A pass lets a browser read the gateway's state and use the playground, and nothing else. It is an expiry, a
random id and their keyed hash under the gateway's token. It therefore survives a restart of a gateway that
keeps its token, and ends with a token that changes. A cookie would not do: a browser sends the cookies of
127.0.0.1 to every port there, so also to the servers of other users of the machine.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

TICKET_S = 60.0  # from `spark-lsp open` to the browser's first request
PASS_S = 12 * 3600.0  # a working day; after it, `spark-lsp open` gives a new one
MAX_TICKETS = 16  # not yet used


class Passes:
    """See the module's text. `now` returns Unix time."""

    def __init__(self, token: str, now: Callable[[], float] = time.time) -> None:
        self._key = token.encode()
        self._now = now
        self._tickets: dict[str, float] = {}  # and when they expire

    def issue_ticket(self) -> str:
        """Return a new ticket. Only a caller who knows the gateway's token may have it."""
        while len(self._tickets) >= MAX_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = self._now() + TICKET_S
        return ticket

    def redeem(self, ticket: str) -> str | None:
        """Return a pass for a ticket, which is invalid from then on; None for one that is not valid."""
        expiry = self._tickets.pop(ticket, 0.0)
        if expiry <= self._now():
            return None
        identity = f"{int(self._now() + PASS_S)}.{secrets.token_urlsafe(12)}"
        return f"{identity}.{self._hash(identity)}"

    def is_valid(self, given: str) -> bool:
        """Return whether this is a pass of this gateway that has not expired."""
        identity, _, mac = given.rpartition(".")
        if not hmac.compare_digest(self._hash(identity).encode(), mac.encode()):
            return False
        return int(identity.partition(".")[0]) > self._now()

    def prove(self, identity: str, nonce: str) -> str:
        """Return the proof that this gateway could have issued the pass of that identity (its first parts).

        A page that has lost its gateway asks for the proof before it sends its pass: another program may
        listen on the port by now.
        """
        key = f"{identity}.{self._hash(identity)}".encode()
        return hmac.new(key, f"page:{nonce}".encode(), hashlib.sha256).hexdigest()

    def _hash(self, identity: str) -> str:
        return hmac.new(self._key, f"page:{identity}".encode(), hashlib.sha256).hexdigest()
