"""Many users and one machine, without a clock: the waiting times of each user. Pure.

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
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from spark_lsp.simulate.cache import PromptCache
from spark_lsp.simulate.trace import Job


class Machine(Protocol):
    """The interface of a wafer or of GPUs for the planner; seconds and tokens."""

    @property
    def name(self) -> str: ...
    @property
    def context_tokens(self) -> int: ...
    @property
    def kv_tokens(self) -> int: ...
    @property
    def most_users(self) -> int: ...
    @property
    def overhead_s(self) -> float: ...
    @property
    def cache_block_tokens(self) -> int: ...
    @property
    def cache_s(self) -> float: ...
    @property
    def users_at_full_speed(self) -> int: ...
    @property
    def error(self) -> float: ...
    @property
    def worst(self) -> float: ...

    def token_s(self, users: int, context_tokens: float = 0.0, prompt_share: float = 0.0) -> float: ...

    def prefill_s(self, tokens: int) -> float: ...


@dataclass(frozen=True, slots=True)
class Served:
    """The result of a job; `time_info` is in seconds. A job longer than the context is `refused`."""

    job: Job
    queue_s: float = 0.0
    prompt_s: float = 0.0
    completion_s: float = 0.0
    cached: int = 0
    refused: bool = False

    @property
    def ttft_s(self) -> float:
        """Seconds from the request to the first token."""
        return self.queue_s + self.prompt_s

    @property
    def total_s(self) -> float:
        """Seconds from the request to the last token."""
        return self.ttft_s + self.completion_s

    @property
    def token_s(self) -> float:
        """Seconds per token, without the first token."""
        return self.completion_s / (self.job.output - 1) if self.job.output > 1 else 0.0

    @property
    def time_info(self) -> dict[str, float]:
        """In the format that vendors of such machines use."""
        return {
            "queue_time": self.queue_s,
            "prompt_time": self.prompt_s,
            "completion_time": self.completion_s,
            "total_time": self.total_s,
        }


@dataclass(slots=True)
class _Floor:
    """The machine at work: the waiting, the reading and the writing jobs."""

    machine: Machine
    jobs: Sequence[Job]
    now: float = 0.0
    virtual: float = 0.0  # tokens received by a user present from the start
    free: int = 0
    waiting: deque[int] = field(default_factory=deque[int])
    to_read: deque[int] = field(default_factory=deque[int])
    reading_until: float = math.inf
    writing: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])  # heap by virtual end
    context: int = 0  # of the writing users: tokens at half of their answers
    prompts: int = 0  # of the writing users: prompt tokens
    answers: int = 0  # of the writing users: answer tokens
    admitted: dict[int, float] = field(default_factory=dict[int, float])
    first: dict[int, float] = field(default_factory=dict[int, float])
    cached: dict[int, int] = field(default_factory=dict[int, int])
    done: dict[int, Served] = field(default_factory=dict[int, Served])

    @property
    def token_s(self) -> float:
        """Seconds until every writing user has one more token."""
        users = len(self.writing)
        return self.machine.token_s(users, self.context / users, self.prompts / self.answers)

    def next_end(self) -> float:
        """Return the time of the first complete answer if no other event happens."""
        if not self.writing:
            return math.inf
        return self.now + max(self.writing[0][0] - self.virtual, 0.0) * self.token_s

    def advance(self, to: float) -> None:
        """Let time pass without an event."""
        if self.writing:
            self.virtual += (to - self.now) / self.token_s
        self.now = to


def simulate(machine: Machine, jobs: Sequence[Job]) -> list[Served]:
    """Return the result of each job, in the given order."""
    floor = _Floor(machine, jobs, free=machine.kv_tokens)
    blocks = machine.kv_tokens // machine.cache_block_tokens
    cache = PromptCache(machine.cache_block_tokens, machine.cache_s, blocks)
    arrivals = deque(sorted(range(len(jobs)), key=lambda number: jobs[number].at))
    delay = machine.overhead_s
    while arrivals or floor.waiting or floor.to_read or floor.writing:
        arrival = jobs[arrivals[0]].at + delay if arrivals else math.inf
        ending = floor.next_end()
        floor.advance(min(arrival, floor.reading_until, ending))
        if ending == floor.now:
            _end_jobs(floor)
        elif floor.reading_until == floor.now:
            _begin_writing(floor)
        else:
            _add_arrivals(floor, arrivals.popleft())
        _admit_jobs(floor, cache)
    return [floor.done[number] for number in range(len(jobs))]


def _add_arrivals(floor: _Floor, number: int) -> None:
    job = floor.jobs[number]
    if job.prompt + job.output > floor.machine.context_tokens:
        floor.done[number] = Served(job, refused=True)
    else:
        floor.waiting.append(number)


def _admit_jobs(floor: _Floor, cache: PromptCache) -> None:
    while floor.waiting:
        job = floor.jobs[floor.waiting[0]]
        if job.prompt + job.output > floor.free or len(floor.admitted) >= floor.machine.most_users:
            break
        number = floor.waiting.popleft()
        floor.free -= job.prompt + job.output
        floor.admitted[number] = floor.now
        floor.cached[number] = cache.take(
            _list_block_keys(job, number, cache.block_tokens), job.prompt, floor.now
        )
        floor.to_read.append(number)
    _read_prompts(floor)


def _list_block_keys(job: Job, number: int, block: int) -> list[tuple[str, int]]:
    shared = min(job.prefix_tokens, job.prompt) // block if job.prefix else 0
    return [(job.prefix if at < shared else f"\0{number}", at) for at in range(job.prompt // block)]


def _read_prompts(floor: _Floor) -> None:
    """Start to read the next prompt if the reader is free."""
    if floor.to_read and floor.reading_until == math.inf:
        number = floor.to_read[0]
        fresh = floor.jobs[number].prompt - floor.cached[number]
        floor.reading_until = floor.now + floor.machine.prefill_s(fresh)


def _begin_writing(floor: _Floor) -> None:
    number = floor.to_read.popleft()
    job = floor.jobs[number]
    floor.reading_until = math.inf
    floor.first[number] = floor.now
    floor.context += job.prompt + job.output // 2
    floor.prompts += job.prompt - floor.cached[number]
    floor.answers += job.output
    heapq.heappush(floor.writing, (floor.virtual + job.output - 1, number))


def _end_jobs(floor: _Floor) -> None:
    at, number = heapq.heappop(floor.writing)
    floor.virtual = max(floor.virtual, at)
    job = floor.jobs[number]
    floor.context -= job.prompt + job.output // 2
    floor.prompts -= job.prompt - floor.cached[number]
    floor.answers -= job.output
    floor.free += job.prompt + job.output
    admitted = floor.admitted.pop(number)
    first = floor.first.pop(number)
    delay = floor.machine.overhead_s
    queue_s = admitted - delay - job.at
    prompt_s = first - admitted + delay
    floor.done[number] = Served(job, queue_s, prompt_s, floor.now - first, floor.cached.pop(number))


def users_held(machine: Machine, tokens: int) -> int:
    """The number of users, with that many tokens of context each, before any of them slows down or waits."""
    return min(machine.users_at_full_speed, machine.kv_tokens // max(tokens, 1), machine.most_users)


# Results.


@dataclass(frozen=True, slots=True)
class Summary:
    """The totals of a trace; times in seconds as `(p50, p90, p99)`."""

    machine: str
    requests: int
    refused: int
    ttft_s: tuple[float, float, float]
    token_s: tuple[float, float, float]
    total_s: tuple[float, float, float]
    tokens_per_s: float
    cached_share: float
    users_held: int
    cost: float | None
    error: float
    worst: float


Price = tuple[float, float]  # per million tokens read, and written


def summary(machine: Machine, served: Sequence[Served], price: Price | None = None) -> Summary:
    """Sum up."""
    answered = [each for each in served if not each.refused]
    prompts = sum(each.job.prompt for each in answered)
    outputs = sum(each.job.output for each in answered)
    begin = min((each.job.at for each in answered), default=0.0)
    end = max((each.job.at + each.total_s for each in answered), default=0.0)
    mean = (prompts + outputs) // max(len(answered), 1)
    return Summary(
        machine.name,
        len(served),
        len(served) - len(answered),
        _percentiles([each.ttft_s for each in answered]),
        _percentiles([each.token_s for each in answered if each.job.output > 1]),
        _percentiles([each.total_s for each in answered]),
        outputs / (end - begin) if end > begin else 0.0,
        sum(each.cached for each in answered) / prompts if prompts else 0.0,
        users_held(machine, mean),
        (prompts * price[0] + outputs * price[1]) / 1e6 if price else None,
        machine.error,
        machine.worst,
    )


def _percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(values) or [0.0]
    p50, p90, p99 = (ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.5, 0.9, 0.99))
    return p50, p90, p99
