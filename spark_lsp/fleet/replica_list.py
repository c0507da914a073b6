"""The current list of a fleet's replicas, as the router in this process gets it.

Serve copies the router's class, with the globals of its module, into other processes. What the router and the
replica share in one process is therefore here, and the router imports it where it uses it.
"""

from collections.abc import Callable

ListReplicas = Callable[[frozenset[str]], object]
_LISTENERS: list[ListReplicas] = []


def on_replicas(listener: ListReplicas) -> None:
    """Call `listener`, on a thread of the router, with the names of the replicas after each change."""
    _LISTENERS.append(listener)


def note_replicas(names: frozenset[str]) -> None:
    """Call all listeners."""
    for listener in _LISTENERS:
        listener(names)
