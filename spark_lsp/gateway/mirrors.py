"""Mirrors that outlive their connections for a while, so that a reconnect compares hashes and no more.

They are in memory only. A client names the earlier connection by the random word that its greeting said;
while that one still lives, as when a client opens the next connection before it leaves the first, it gets
a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass

from spark_lsp.wire.mirror import Mirror

KEPT_S = 300.0
LIMIT_CHARS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    mirror: Mirror
    until: float


class Mirrors:
    """See the module's text; `now` is any clock that only goes forward, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._live: dict[str, Callable[[], Mirror]] = {}
        self._kept: dict[str, _Kept] = {}  # oldest first

    def live(self, session: str, mirror: Callable[[], Mirror]) -> None:
        """Note a connection that has begun; `mirror` returns its mirror."""
        self._live[session] = mirror

    def ended(self, session: str) -> None:
        """Keep the mirror of a connection that has ended."""
        mirror = self._live.pop(session)().copy()
        if mirror.size:
            self._kept[session] = _Kept(mirror, self._now() + KEPT_S)
        self._tidy()

    def find(self, session: str) -> Mirror | None:
        """Return an earlier connection's mirror, for another connection to change; None if it is gone."""
        self._tidy()
        if session in self._live:
            return self._live[session]().copy()
        kept = self._kept.pop(session, None)
        return kept.mirror if kept is not None else None

    def _tidy(self) -> None:
        """Drop what is too old, and the oldest of too much."""
        size = sum(kept.mirror.size for kept in self._kept.values())
        for session, kept in list(self._kept.items()):
            if kept.until < self._now() or size > LIMIT_CHARS:
                size -= kept.mirror.size
                del self._kept[session]
