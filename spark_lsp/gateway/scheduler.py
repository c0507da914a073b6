"""A pure queue for the requests of one connection: it decides which ones run.

Rules, in this order:

1. A newer completion for the same origin (a document) supersedes the older ones, because the user does not
need a completion for an earlier cursor position. Edits and chats are never superseded.
2. At most `limit` requests run at once; the others wait.
3. Interactive requests run before background ones. Requests of one kind run in the order of their arrival.
4. A background completion is a guess at the user's next request. It runs only while no interactive request
runs, and a new interactive request stops it: nobody waits for a guess.

`submit` and `done` return the requests to start or stop now; the caller does the I/O. A superseded request
counts until its work has really stopped and the caller calls `done`, because work that has yet to stop still
costs.
"""

from collections import deque
from dataclasses import dataclass, field

from spark_lsp.request import Priority, Request, Task


@dataclass(frozen=True, slots=True)
class Decision:
    """Response ids to start, to stop (running ones) and to drop (waiting ones)."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(slots=True)
class Scheduler:
    """The queue of one connection; see the module's text."""

    limit: int = 16
    _running: dict[str, Request] = field(default_factory=dict[str, Request])
    _waiting: dict[Priority, deque[tuple[str, Request]]] = field(
        default_factory=lambda: {priority: deque[tuple[str, Request]]() for priority in Priority}
    )

    def submit(self, identity: str, request: Request) -> Decision:
        """Take a new request under the id of its response."""
        stop = tuple(other for other, old in self._running.items() if _stops(request, old))
        drop = self._drop_waiting(request)
        self._waiting[request.priority].append((identity, request))
        return Decision(self._admit(), stop, drop)

    def done(self, identity: str) -> Decision:
        """Note that a response's work has ended, for any reason."""
        self._running.pop(identity, None)
        return Decision(self._admit())

    def withdraw(self, identity: str) -> Decision:
        """Remove a request: stop it if it runs, drop it if it waits; unknown ids are ignored."""
        if identity in self._running:
            return Decision(stop=(identity,))
        for queue in self._waiting.values():
            for entry in queue:
                if entry[0] == identity:
                    queue.remove(entry)
                    return Decision(drop=(identity,))
        return Decision()

    def statistics(self) -> tuple[int, int]:
        """Return how many requests run and how many wait."""
        return len(self._running), sum(len(queue) for queue in self._waiting.values())

    def _drop_waiting(self, request: Request) -> tuple[str, ...]:
        dropped: list[str] = []
        for queue in self._waiting.values():
            for entry in [entry for entry in queue if _supersedes(request, entry[1])]:
                queue.remove(entry)
                dropped.append(entry[0])
        return tuple(dropped)

    def _admit(self) -> tuple[str, ...]:
        started: list[str] = []
        for priority in Priority:
            queue = self._waiting[priority]
            held: list[tuple[str, Request]] = []
            while queue and len(self._running) < self.limit:
                identity, request = queue.popleft()
                if _is_guess(request) and self._has_interactive:
                    held.append((identity, request))
                    continue
                self._running[identity] = request
                started.append(identity)
            queue.extendleft(reversed(held))
        return tuple(started)

    @property
    def _has_interactive(self) -> bool:
        return any(request.priority is Priority.INTERACTIVE for request in self._running.values())


def _is_guess(request: Request) -> bool:
    return request.task is Task.COMPLETE and request.priority is Priority.BACKGROUND


def _stops(new: Request, old: Request) -> bool:
    """Return whether a new request ends one that runs."""
    return _supersedes(new, old) or (new.priority is Priority.INTERACTIVE and _is_guess(old))


def _supersedes(new: Request, old: Request) -> bool:
    both = new.task is Task.COMPLETE and old.task is Task.COMPLETE
    is_guess = _is_guess(new) and not _is_guess(old)
    return both and not is_guess and bool(new.origin) and new.origin == old.origin
