"""Who is served, and when: a pure queue for one session's requests.

Rules, in this order:

1. A newer completion for the same origin (a document) supersedes the older ones: nobody waits for what
   stood at an earlier cursor. Edits and chats are never superseded.
2. At most `limit` requests of a session run at once; the rest wait.
3. Of those that wait, interactive ones go before background ones, each kind first come, first served.

`submit` and `done` return what must be started or stopped now; the caller does the I/O. A superseded
request holds its place until its work has really stopped, as its caller then tells with `done`: work
that is only *asked* to stop still costs.
"""

from collections import deque
from dataclasses import dataclass, field

from spark_lsp.request import Priority, Request, Task


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: response ids to start, and ids to stop (running ones) or drop (waiting ones)."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(slots=True)
class Scheduler:
    """One session's queue; see the module's text."""

    limit: int = 16
    _running: dict[str, Request] = field(default_factory=dict[str, Request])
    _waiting: dict[Priority, deque[tuple[str, Request]]] = field(
        default_factory=lambda: {priority: deque[tuple[str, Request]]() for priority in Priority}
    )

    def submit(self, identity: str, request: Request) -> Decision:
        """Take a new request under the id of its response."""
        stop = tuple(other for other, old in self._running.items() if _supersedes(request, old))
        drop = self._drop_waiting(request)
        self._waiting[request.priority].append((identity, request))
        return Decision(self._admit(), stop, drop)

    def done(self, identity: str) -> Decision:
        """Note that a response's work has ended, for whatever reason."""
        self._running.pop(identity, None)
        return Decision(self._admit())

    def withdraw(self, identity: str) -> Decision:
        """Take back a request: stop it if it runs, drop it if it waits; unknown ids are ignored."""
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
            while queue and len(self._running) < self.limit:
                identity, request = queue.popleft()
                self._running[identity] = request
                started.append(identity)
        return tuple(started)


def _supersedes(new: Request, old: Request) -> bool:
    both = new.task is Task.COMPLETE and old.task is Task.COMPLETE
    return both and bool(new.origin) and new.origin == old.origin
