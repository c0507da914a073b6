"""Replicas that outlive their connections for a while, so that a reconnect needs to compare hashes only.

They are in memory only. A client names the earlier connection by the session token from its greeting. It may
do so while the earlier connection is still open, because a client opens its next connection first; it then
gets a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass

from spark_lsp.wire.replica_store import ReplicaStore

MAX_AGE_S = 300.0
MAX_CHARS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _CachedReplicas:
    replicas: ReplicaStore
    expires_at: float


class ReplicaCache:
    """See the module's text; `now` is any monotonic clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._live: dict[str, Callable[[], ReplicaStore]] = {}
        self._cached: dict[str, _CachedReplicas] = {}  # oldest first

    def add_session(self, session: str, get_replicas: Callable[[], ReplicaStore]) -> None:
        """Note a connection that has begun; `get_replicas` returns its current replicas."""
        self._live[session] = get_replicas

    def end_session(self, session: str) -> None:
        """Keep the replicas of a connection that has ended."""
        replicas = self._live.pop(session)().copy()
        if replicas.size:
            self._cached[session] = _CachedReplicas(replicas, self._now() + MAX_AGE_S)
        self._evict()

    def find(self, session: str) -> ReplicaStore | None:
        """Return an earlier connection's replicas for another connection to own; None if it is unknown."""
        self._evict()
        if session in self._live:
            return self._live[session]().copy()
        cached = self._cached.pop(session, None)
        return cached.replicas if cached is not None else None

    def _evict(self) -> None:
        """Drop replicas that are too old, and the oldest ones while all together are too large."""
        size = sum(each.replicas.size for each in self._cached.values())
        for session, each in list(self._cached.items()):
            if each.expires_at < self._now() or size > MAX_CHARS:
                size -= each.replicas.size
                del self._cached[session]
