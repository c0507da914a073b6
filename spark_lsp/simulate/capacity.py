"""Many users and one machine, without a clock: the waiting times of each user. Pure.

`station` simulates the machine; `fleet` does the same for several machines behind a router.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.simulate.machine import Machine
from spark_lsp.simulate.price import Price
from spark_lsp.simulate.station import Station, Times
from spark_lsp.simulate.trace import Job


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


def simulate(machine: Machine, jobs: Sequence[Job]) -> list[Served]:
    """Return the result of each job, in the given order."""
    times = Times(len(jobs))
    station = Station(0, machine, jobs, times)
    for number in sorted(range(len(jobs)), key=lambda number: jobs[number].at):
        if station.fits(jobs[number]):
            station.offer(number)
    station.drain()
    return [_serve(machine, job, times, number) for number, job in enumerate(jobs)]


def _serve(machine: Machine, job: Job, times: Times, number: int) -> Served:
    if times.station[number] < 0:
        return Served(job, refused=True)
    queue_s = times.admitted[number] - machine.overhead_s - job.at
    prompt_s = times.first[number] - times.admitted[number] + machine.overhead_s
    completion_s = times.last[number] - times.first[number]
    return Served(job, queue_s, prompt_s, completion_s, times.cached[number])


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


def summary(machine: Machine, served: Sequence[Served], price: Price | None = None) -> Summary:
    """Sum up. The cost includes the hours of the machine from the first request to the last token."""
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
        (prompts * price.read + outputs * price.written) / 1e6 + price.hour * (end - begin) / 3600
        if price
        else None,
        machine.error,
        machine.worst,
    )


def _percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(values) or [0.0]
    p50, p90, p99 = (ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.5, 0.9, 0.99))
    return p50, p90, p99
