"""Many machines behind a router, on one virtual clock: the fleet of a plan at work. Pure.

Machines only meet in the router, so between two arrivals each of them runs alone, and its events are handled
when the router next reads its state. The router chooses the group by the plan's rules, and in it the machine
that has the request's prefix in its cache, unless that one is much busier than the least busy one. Of a large
group it compares only some machines each time, as such routers do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from spark_lsp.simulate.machine import Machine
from spark_lsp.simulate.plan import Group, Plan
from spark_lsp.simulate.station import NOBODY, Station, Times
from spark_lsp.simulate.trace import Job

SLACK_SHARE, SLACK = 1.5, 4  # a prefix leaves its machine for one with that much less to do; a usual default
COMPARED = 8  # machines of a large group, in turn


@dataclass(frozen=True, slots=True)
class Pace:
    """How far the true machines are from the model: multiples of each machine's own typical error.

    0 is the prediction itself; at 1 every machine is slower by its error, at -1 faster.
    """

    errors: float = 0.0

    def token_factor(self, machine: Machine) -> float:
        """Return the factor of the time per token."""
        return self._factor(machine.error)

    def first_factor(self, machine: Machine) -> float:
        """Return the factor of the time to the first token."""
        return self._factor(machine.first_error)

    def _factor(self, error: float) -> float:
        factor = 1 + abs(self.errors) * error
        return factor if self.errors >= 0 else 1 / factor


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one simulation. `moved` counts the requests of each rule; `groups` holds the machines."""

    plan: Plan
    jobs: Sequence[Job]
    times: Times
    groups: tuple[tuple[Station, ...], ...]
    moved: tuple[int, ...]

    @property
    def stations(self) -> list[Station]:
        """All machines, by their numbers."""
        return [station for group in self.groups for station in group]


@dataclass(slots=True)
class _Router:
    plan: Plan
    groups: tuple[tuple[Station, ...], ...]
    moved: list[int]
    homes: dict[tuple[int, str], Station] = field(default_factory=dict[tuple[int, str], Station])
    places: dict[str, int] = field(default_factory=dict[str, int])
    turn: int = 0

    def __post_init__(self) -> None:
        self.places = {group.name: number for number, group in enumerate(self.plan.groups)}

    def send(self, number: int, job: Job) -> None:
        """Give a request to a machine; the machines' clocks advance to its arrival as far as needed."""
        group = self._hold(self._choose_group(job), job)
        if group == NOBODY:
            return
        self._choose_station(group, job).offer(number)

    def _choose_group(self, job: Job) -> int:
        for number, rule in enumerate(self.plan.rules):
            if rule.takes(job) and (rule.wait_over_s is None or self._wait_s(job.at) > rule.wait_over_s):
                self.moved[number] += 1
                return self.places[rule.to]
        return 0

    def _wait_s(self, now: float) -> float:
        """Return the shortest wait in the first group."""
        waits: list[float] = []
        for station in self.groups[0]:
            if station.next_at <= now:
                station.advance(now)
            waits.append(station.estimate_wait_s(now))
        return min(waits)

    def _hold(self, chosen: int, job: Job) -> int:
        """Return the chosen group if its context holds a request, else the first one that does."""
        for group in (chosen, *range(len(self.groups))):
            if self.groups[group][0].fits(job):
                return group
        return NOBODY

    def _choose_station(self, group: int, job: Job) -> Station:
        stations = self.groups[group]
        if len(stations) == 1:
            return stations[0]
        home = self.homes.get((group, job.prefix)) if job.prefix else None
        if home is not None:
            if home.next_at <= job.at:
                home.advance(job.at)
            if home.load <= SLACK:
                return home
        least = self._find_least(group, job.at)
        if home is not None and home.load <= SLACK_SHARE * least.load + SLACK:
            return home
        self.homes[group, job.prefix] = least
        return least

    def _find_least(self, group: int, now: float) -> Station:
        """Return the least busy machine, of a large group that of the next `COMPARED` ones."""
        stations = self.groups[group]
        if len(stations) > COMPARED:
            self.turn += COMPARED
            first = self.turn % len(stations)
            stations = (stations * 2)[first : first + COMPARED]
        for station in stations:
            if station.next_at <= now:
                station.advance(now)
        return min(stations, key=_load)


_load = attrgetter("load")


def simulate_plan(plan: Plan, jobs: Sequence[Job], pace: Pace = Pace()) -> Run:
    """Simulate a plan on requests in the order of their times."""
    times = Times(len(jobs))
    groups = list[tuple[Station, ...]]()
    count = 0
    for group in plan.groups:
        groups.append(tuple(_stations(group, count, jobs, times, pace)))
        count += group.count
    router = _Router(plan, tuple(groups), [0] * len(plan.rules))
    for number, job in enumerate(jobs):
        router.send(number, job)
    for stations in groups:
        for station in stations:
            station.drain()
    return Run(plan, jobs, times, tuple(groups), tuple(router.moved))


def _stations(group: Group, first: int, jobs: Sequence[Job], times: Times, pace: Pace) -> list[Station]:
    machine = group.machine
    slower, slower_first = pace.token_factor(machine), pace.first_factor(machine)
    return [
        Station(first + number, machine, jobs, times, slower=slower, slower_first=slower_first)
        for number in range(group.count)
    ]


def home_machine(plan: Plan, job: Job) -> Machine | None:
    """Return the machine that a request has without any queue; None if no context holds it."""
    rules = [rule for rule in plan.rules if rule.wait_over_s is None]
    to = next((rule.to for rule in rules if rule.takes(job)), plan.groups[0].name)
    chosen = next(group.machine for group in plan.groups if group.name == to)
    for machine in (chosen, *(group.machine for group in plan.groups)):
        if job.prompt + job.output <= machine.context_tokens:
            return machine
    return None
