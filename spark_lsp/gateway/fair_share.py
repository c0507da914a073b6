"""A pure queue for the answers of one gateway process: it decides whose answer begins next.

At most `limit` answers are under way at once. When one ends, the next interactive request begins, and a
background request only if no interactive one waits. Among the users who wait, the one with the fewest answers
under way is next; among equals, the one who has waited longest since the last turn. So a user with many
windows, or with a job of many requests, has no more answers at once than each of the others who wait.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from spark_lsp.request import Priority

Waiting = dict[str, deque[str]]


@dataclass(slots=True)
class FairShare:
    """See the module's text. Each answer has an id, which the caller chooses and uses once."""

    limit: int
    _running: dict[str, str] = field(default_factory=dict[str, str])  # user by answer
    _shares: Counter[str] = field(default_factory=Counter[str])  # running answers by user
    _turns: dict[str, int] = field(default_factory=dict[str, int])  # number of the last turn of each user
    _turn: int = 0
    _waiting: dict[Priority, Waiting] = field(
        default_factory=lambda: {priority: Waiting() for priority in Priority}
    )

    def request(self, answer: str, user: str, priority: Priority) -> bool:
        """Take a new answer; return whether it may begin now. Otherwise `release` will name it."""
        if len(self._running) < self.limit:
            self._start(answer, user)
            return True
        self._waiting[priority].setdefault(user, deque()).append(answer)
        return False

    def release(self, answer: str) -> str | None:
        """Note the end of an answer, or that a waiting one is not wanted any more.

        Return the answer that begins now, if any.
        """
        user = self._running.pop(answer, None)
        if user is None:
            self._drop(answer)
            return None
        self._shares[user] -= 1
        if not self._shares[user]:
            del self._shares[user]
        return self._start_next()

    def statistics(self) -> tuple[int, int]:
        """Return how many answers are under way and how many wait."""
        waiting = sum(len(queue) for queues in self._waiting.values() for queue in queues.values())
        return len(self._running), waiting

    def _start(self, answer: str, user: str) -> None:
        self._running[answer] = user
        self._shares[user] += 1
        self._turn += 1
        self._turns[user] = self._turn

    def _start_next(self) -> str | None:
        for priority in Priority:
            queues = self._waiting[priority]
            if not queues:
                continue
            user = min(queues, key=lambda name: (self._shares[name], self._turns.get(name, 0)))
            answer = queues[user].popleft()
            if not queues[user]:
                del queues[user]
            self._start(answer, user)
            return answer
        self._turns.clear()  # they order waiting users only
        return None

    def _drop(self, answer: str) -> None:
        for queues in self._waiting.values():
            for user, queue in queues.items():
                if answer in queue:
                    queue.remove(answer)
                    if not queue:
                        del queues[user]
                    return
