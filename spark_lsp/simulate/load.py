"""The same requests from more or fewer users: the traces for a plan's curves. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spark_lsp.simulate.plan import Plan
from spark_lsp.simulate.trace import Crowd, Job, merge_traces, trace_of

REQUESTS, EACH = 4_000, 2  # requests of a trace, and that many of each user if it stays below `MOST`
MOST = 20_000


@dataclass(frozen=True, slots=True)
class CrowdLoad:
    """Synthetic users, each of whom behaves as all `crowds` together."""

    crowds: Sequence[Crowd]
    unit: str = "users"

    @property
    def size(self) -> float:
        """The number of users of the trace."""
        return self.crowds[0].users

    def __call__(self, users: float) -> list[Job]:
        """Return a trace of that many users, long enough to fill the machines."""
        each = sum(crowd.per_minute for crowd in self.crowds)
        count = max(int(users), 1)
        minutes = max(REQUESTS, min(EACH * count, MOST)) / (count * each)
        return merge_traces(trace_of(replace(crowd, users=count, minutes=minutes)) for crowd in self.crowds)


@dataclass(frozen=True, slots=True)
class TraceLoad:
    """A recorded trace, faster or slower: the unit is a percent of its rate of requests."""

    jobs: Sequence[Job]
    unit: str = "% of the trace's rate"

    @property
    def size(self) -> float:
        """The trace's own rate, in percent."""
        return 100.0

    def __call__(self, percent: float) -> list[Job]:
        """Return the beginning of the trace at that rate."""
        some = self.jobs[: REQUESTS * EACH]
        begin = some[0].at
        return [replace(job, at=begin + (job.at - begin) * 100 / percent) for job in some]


def guess_users(plan: Plan, jobs: Sequence[Job], size: float) -> float:
    """Return half of the users that keep the machines as full as they may be, by Little's law: arrivals vary.

    `jobs` are the requests of `size` users.
    """
    if len(jobs) < 2 or jobs[-1].at <= jobs[0].at:
        return size
    machine = plan.groups[0].machine
    rate = len(jobs) / (jobs[-1].at - jobs[0].at) / size
    tokens = sum(job.output for job in jobs) / len(jobs)
    service = tokens * machine.token_s(machine.users_at_full_speed, 2000) + machine.overhead_s
    return plan.groups[0].count * machine.users_at_full_speed / (rate * service) / 2
