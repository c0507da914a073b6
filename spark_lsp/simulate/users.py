"""A plan with other numbers of users: the number before anyone slows, and the curves. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spark_lsp.simulate.fleet import Pace, Run, home_machine, simulate_plan
from spark_lsp.simulate.forecast import PACES, Bar, make_bar, percentiles, total_s, ttft_s
from spark_lsp.simulate.plan import Plan
from spark_lsp.simulate.station import NOBODY
from spark_lsp.simulate.trace import Job

SLOWED = 1.1  # times the time on an idle machine: longer is slowed
MOST_SLOWED = 0.05  # share of the requests
WIDER, PRECISION = 1.3, 0.05  # of the search for the number of users
MOST_USERS = 100_000

Load = Callable[[float], Sequence[Job]]
"""Returns a trace with a number of users."""


def users_before_slowing(plan: Plan, load: Load, guess: float) -> Bar:
    """Return the number of users before more than `MOST_SLOWED` of the requests are slowed.

    A request is slowed if it takes more than `SLOWED` times as long as on an idle machine with the same
    cache. The search begins at `guess`.
    """
    value = _search(plan, load, PACES[0], max(int(guess), 1))
    return make_bar([value, *(_search(plan, load, pace, max(value, 1)) for pace in PACES[1:])])


def _search(plan: Plan, load: Load, pace: Pace, guess: int) -> int:
    """Widen an interval around the guess until it holds the answer, then halve it."""
    low = high = guess
    if _is_slow(plan, load(guess), pace):
        while low and _is_slow(plan, load(low), pace):
            low, high = int(low / WIDER), low
    else:
        while high < MOST_USERS and not _is_slow(plan, load(high := math.ceil(high * WIDER)), pace):
            low = high
    while high - low > max(high * PRECISION, 1):
        middle = (low + high) // 2
        if _is_slow(plan, load(middle), pace):
            high = middle
        else:
            low = middle
    return low


def _is_slow(plan: Plan, jobs: Sequence[Job], pace: Pace) -> bool:
    run = simulate_plan(plan, jobs, pace)
    late = range(len(jobs) // 2, len(jobs))  # the machines and their caches have filled by then
    slowed = sum(_is_slowed(run, number, pace) for number in late)
    return slowed > MOST_SLOWED * len(late)


def _is_slowed(run: Run, number: int, pace: Pace) -> bool:
    job = run.jobs[number]
    machine = home_machine(run.plan, job)
    if machine is None:
        return False
    fresh = job.prompt - run.times.cached[number]
    first = (machine.overhead_s + machine.prefill_s(fresh)) * pace.first_factor(machine)
    each = machine.token_s(1, job.prompt + job.output // 2, fresh / job.output) * pace.token_factor(machine)
    alone = first + (job.output - 1) * each
    return run.times.last[number] - job.at > SLOWED * alone


@dataclass(frozen=True, slots=True)
class AtUsers:
    """The 95th percentiles with one number of users; seconds."""

    users: float
    ttft_s: Bar
    total_s: Bar


def at_users(plan: Plan, load: Load, users: Sequence[float]) -> tuple[AtUsers, ...]:
    """Return the 95th percentiles of time to first token and of the whole answer for numbers of users."""
    return tuple(_forecast_at(plan, load(each), each) for each in users)


def _forecast_at(plan: Plan, jobs: Sequence[Job], users: float) -> AtUsers:
    runs = [simulate_plan(plan, jobs, pace) for pace in PACES]
    late = [number for number in range(len(jobs) // 2, len(jobs)) if runs[0].times.station[number] != NOBODY]
    first = [percentiles(ttft_s(run, late), (0.95,))[0] for run in runs]
    whole = [percentiles(total_s(run, late), (0.95,))[0] for run in runs]
    return AtUsers(users, make_bar(first), make_bar(whole))
