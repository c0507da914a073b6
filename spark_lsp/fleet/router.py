"""The router of a fleet: keeps each session on one replica, and notices when a replica is to end.

Serve stops sending requests to a replica before it ends the replica, and then waits until all its requests
have ended. A WebSocket is one request for life, and Serve has no hook by which a replica learns that it is to
end. But each replica may use a handle to its own deployment, and the router behind that handle gets every
change of the list of replicas. A replica that is missing from the list sends its clients away.
"""

from functools import cache
from typing import Any

from spark_lsp.fleet.libraries import import_ray

SESSION_ROUTER = "spark_lsp.fleet.router.SessionRouter"


def __getattr__(name: str) -> Any:
    """Return the class `SessionRouter`, at its first use: it can only be defined where Ray is installed."""
    if name != SESSION_ROUTER.rpartition(".")[2]:
        raise AttributeError(name)
    return _make_session_router()


@cache
def _make_session_router() -> Any:
    consistent_hash: Any = import_ray("ray.serve.experimental.consistent_hash_router").ConsistentHashRouter

    class SessionRouter(consistent_hash):
        """See the module's text."""

        def update_replicas(self, replicas: list[Any]) -> None:
            """Take the replicas that may get requests."""
            from spark_lsp.fleet.replica_list import note_replicas  # here: see its text

            super().update_replicas(replicas)  # pyright: ignore[reportUnknownMemberType]
            note_replicas(frozenset(each.replica_id.unique_id for each in replicas))

    return SessionRouter
