"""How two ends show each other that they know the same token, without saying it.

A gateway on a TCP port may have ended, and somebody else's process may listen on its port by now. A client
that greets it with the token gives the token away, and the context after it. So each side sends a random
number, and the other answers with its keyed hash; the role is part of what is hashed, so that an answer
cannot be played back as the other side's.
"""

import hashlib
import hmac
from typing import Literal

NONCE_HEADER, PROOF_HEADER = "x-spark-nonce", "x-spark-proof"

Role = Literal["gateway", "client"]


def proof_of(token: str, role: Role, nonce: str) -> str:
    """Return the hash by which `role` answers a nonce: HMAC-SHA256 in hexadecimal."""
    return hmac.new(token.encode(), f"{role}:{nonce}".encode(), hashlib.sha256).hexdigest()


def proves(token: str, role: Role, nonce: str, given: str) -> bool:
    """Return whether `given` is what only somebody with the token can say, in constant time."""
    return hmac.compare_digest(proof_of(token, role, nonce).encode(), given.encode())
