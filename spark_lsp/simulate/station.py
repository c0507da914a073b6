"""One machine at work on a stream of requests, on virtual time. Pure.

Theory. A request goes through four stations. It waits in line until there is context memory for its prompt
and its answer (first come, first served, so no request starves). The one prompt reader reads the part of its
prompt that is not cached. Then its tokens arrive, at the machine's speed for that number of users. A constant
delay, the machine's overhead, precedes all of this.

Between two events nothing changes, so every user's speed is constant there. A *virtual time* that advances
by one for each token that every user gets makes the end of a request a fixed point on it: its beginning
plus its tokens. The next event is then the earliest of the next arrival, the end of the prompt being read,
and the first of those ends. The simulation is therefore exact for any number of events.
"""

import heapq
import math
from array import array
from collections import deque
from collections.abc import Sequence

from spark_lsp.simulate.machine import Machine
from spark_lsp.simulate.prefix_cache import PrefixCache
from spark_lsp.simulate.trace import Job

NOBODY = -1


class Times:
    """The times of each request by its number, in seconds on the trace's clock; NaN until they are known.

    `admitted`: there is memory for it; `begun`: its prompt is being read; `first` and `last`: its tokens.
    `cached` is in tokens; `station` is the number of the machine, `NOBODY` for a refused request.
    """

    __slots__ = ("admitted", "begun", "cached", "first", "last", "station")

    def __init__(self, count: int) -> None:
        unknown = array("d", [math.nan]) * count
        self.admitted = unknown[:]
        self.begun = unknown[:]
        self.first = unknown[:]
        self.last = unknown
        self.cached = array("q", [0]) * count
        self.station = array("i", [NOBODY]) * count


class Station:
    """A machine, its requests and its clock.

    `slower` multiplies the time of each token, `slower_first` all times before the first one. The totals are
    in seconds, except `delivered`, in tokens: `busy_s` with any work, `reading_s` with a prompt, `present_s`
    summed over the requests.
    """

    __slots__ = (
        *("_answers", "_cache", "_context", "_end_at", "_free", "_inbox", "_jobs", "_most"),
        *("_prompts", "_reading_until", "_slower", "_slower_first", "_step_s", "_times", "_to_read"),
        *("_virtual", "_waiting", "_waiting_tokens", "_writing", "busy_s", "delivered", "load", "machine"),
        *("delay", "next_at", "now", "number", "present", "present_s", "reading_s"),
    )

    def __init__(
        self,
        number: int,
        machine: Machine,
        jobs: Sequence[Job],
        times: Times,
        *,
        slower: float = 1.0,
        slower_first: float = 1.0,
    ) -> None:
        self.number = number
        self.machine = machine
        self.now = 0.0
        self.next_at = math.inf
        self.load = 0  # requests sent here that have not ended
        self.present = 0  # of these, the ones whose overhead is over
        self.busy_s = self.reading_s = self.present_s = self.delivered = 0.0
        self._jobs = jobs
        self._times = times
        self._slower = slower
        self._slower_first = slower_first
        self.delay = machine.overhead_s * slower_first
        self._most = machine.most_users
        blocks = machine.kv_tokens // machine.cache_block_tokens
        self._cache = PrefixCache(machine.cache_block_tokens, machine.cache_s, blocks)
        self._free = machine.kv_tokens
        self._inbox = deque[int]()  # in the order of arrival, during the overhead
        self._waiting = deque[int]()
        self._waiting_tokens = 0  # of the waiting: tokens of their answers
        self._to_read = deque[int]()
        self._reading_until = math.inf
        self._writing = list[tuple[float, int]]()  # heap by virtual end
        self._virtual = 0.0  # tokens received by a user present from the start
        self._step_s = 0.0  # seconds until every writing user has one more token
        self._end_at = math.inf
        self._context = self._prompts = self._answers = 0  # tokens of the writing users; see `_count`

    def fits(self, job: Job) -> bool:
        """Return whether the machine's context holds a request."""
        return job.prompt + job.output <= self.machine.context_tokens

    def offer(self, number: int) -> None:
        """Take a request that arrives now; requests come in the order of their times."""
        self._times.station[number] = self.number
        self._inbox.append(number)
        self.load += 1
        if len(self._inbox) == 1:
            self._choose_next()

    def advance(self, until: float) -> None:
        """Handle all events up to a time."""
        while self.next_at <= until:
            self._pass_time(self.next_at)
            if self.now == self._end_at:
                self._end_job()
            elif self.now == self._reading_until:
                self._begin_writing()
            else:
                number = self._inbox.popleft()
                self.present += 1
                self._waiting.append(number)
                self._waiting_tokens += self._jobs[number].output
            if self._waiting:
                self._admit_jobs()
            if self._to_read and self._reading_until == math.inf:
                self._read_prompt()
            self._choose_next()

    def drain(self) -> None:
        """Handle all events to the last."""
        while self.next_at < math.inf:
            self.advance(self.next_at)

    def estimate_wait_s(self, now: float) -> float:
        """Return the seconds until a request that arrives now is read: those before it, at today's speed."""
        read = max(self._reading_until - now, 0.0) if self._reading_until < math.inf else 0.0
        for number in self._to_read:
            read += self._prefill_s(number)
        written = self._waiting_tokens * self._step_s / len(self._writing) if self._writing else 0.0
        return read + written

    def _pass_time(self, to: float) -> None:
        passed = to - self.now
        users = len(self._writing)
        if users:
            tokens = passed / self._step_s
            self._virtual += tokens
            self.delivered += users * tokens
        is_reading = self._reading_until < math.inf
        if is_reading:
            self.reading_s += passed
        if users or is_reading:
            self.busy_s += passed
        self.present_s += passed * self.present
        self.now = to

    def _choose_next(self) -> None:
        following = self._reading_until
        if self._inbox and (arrival := self._jobs[self._inbox[0]].at + self.delay) < following:
            following = arrival
        self._end_at = math.inf
        if self._writing:
            left = (self._writing[0][0] - self._virtual) * self._step_s
            self._end_at = self.now + left if left > 0 else self.now
            if self._end_at < following:
                following = self._end_at
        self.next_at = following if following > self.now else self.now

    def _admit_jobs(self) -> None:
        while self._waiting:
            number = self._waiting[0]
            job = self._jobs[number]
            size = job.prompt + job.output
            if size > self._free or len(self._to_read) + len(self._writing) >= self._most:
                return
            self._waiting.popleft()
            self._waiting_tokens -= job.output
            self._free -= size
            self._times.admitted[number] = self.now
            cached = self._cache.take(job.prefix, job.prefix_tokens, job.prompt, self.now)
            self._times.cached[number] = cached
            self._to_read.append(number)

    def _prefill_s(self, number: int) -> float:
        fresh = self._jobs[number].prompt - self._times.cached[number]
        return self.machine.prefill_s(fresh) * self._slower_first

    def _read_prompt(self) -> None:
        number = self._to_read[0]
        self._times.begun[number] = self.now
        self._reading_until = self.now + self._prefill_s(number)

    def _begin_writing(self) -> None:
        number = self._to_read.popleft()
        self._reading_until = math.inf
        self._times.first[number] = self.now
        heapq.heappush(self._writing, (self._virtual + self._jobs[number].output - 1, number))
        self._count(number, 1)

    def _end_job(self) -> None:
        at, number = heapq.heappop(self._writing)
        self._virtual = max(self._virtual, at)
        self._free += self._jobs[number].prompt + self._jobs[number].output
        self.present -= 1
        self.load -= 1
        self._times.last[number] = self.now
        self._count(number, -1)

    def _count(self, number: int, sign: int) -> None:
        """Add a writing user's tokens to the totals, or take them away; the speed depends on them."""
        job = self._jobs[number]
        self._context += sign * (job.prompt + job.output // 2)  # at half of the answer
        self._prompts += sign * (job.prompt - self._times.cached[number])
        self._answers += sign * job.output
        if users := len(self._writing):
            share = self._prompts / self._answers
            self._step_s = self.machine.token_s(users, self._context / users, share) * self._slower
