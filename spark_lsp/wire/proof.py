"""Proofs by which both ends show that they know the same token, without sending it.

A gateway on a TCP port may have ended, and another process may listen on its port by now. A client that sent
it the token would give away the token, and then the context. Each side therefore sends a random number (a
nonce), and the other side answers with its keyed hash. The hash includes the role, so that an answer cannot
be replayed as the other side's.
"""

import hashlib
import hmac
from typing import Literal

NONCE_HEADER = "x-spark-nonce"
PROOF_HEADER = "x-spark-proof"

Role = Literal["gateway", "client"]


def proof_of(token: str, role: Role, nonce: str) -> str:
    """Return the answer of `role` to a nonce: HMAC-SHA256 in hexadecimal."""
    return hmac.new(token.encode(), f"{role}:{nonce}".encode(), hashlib.sha256).hexdigest()


def proves(token: str, role: Role, nonce: str, given: str) -> bool:
    """Return whether `given` is the correct answer of `role`, in constant time."""
    return hmac.compare_digest(proof_of(token, role, nonce).encode(), given.encode())
