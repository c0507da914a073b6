"""A plan: groups of equal machines, and the rules that send each request to one of the groups. Pure.

Rules are read in their order, and the first one whose conditions all hold selects the group. Requests that no
rule selects go to the first group. A rule with `wait_over_s` reads the wait in the first group: it moves
requests away only while that group has a queue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from spark_lsp.errors import ConfigError
from spark_lsp.simulate.machine import Machine
from spark_lsp.simulate.trace import Job

MOST_MACHINES = 1_000
NOT_SIMULATED = "Nothing was simulated"


@dataclass(frozen=True, slots=True)
class Group:
    """`count` machines of one kind that share requests."""

    name: str
    machine: Machine
    count: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions and the group for the requests that meet all of them; an empty condition always holds.

    `context_over` is in tokens of prompt and answer, `wait_over_s` the first group's queue in seconds.
    """

    to: str
    kind: str = ""
    effort: str = ""
    context_over: int = 0
    wait_over_s: float | None = None

    def takes(self, job: Job) -> bool:
        """Return whether a request meets the conditions that depend on the request alone."""
        return (
            (not self.kind or job.kind == self.kind)
            and (not self.effort or job.effort == self.effort)
            and (not self.context_over or job.prompt + job.output > self.context_over)
        )

    def covers(self, other: "Rule") -> bool:
        """Return whether this rule takes every request that `other` takes."""
        waits = self.wait_over_s is None or (
            other.wait_over_s is not None and self.wait_over_s <= other.wait_over_s
        )
        words = self.kind in ("", other.kind) and self.effort in ("", other.effort)
        return waits and words and self.context_over <= other.context_over

    def __str__(self) -> str:
        parts = [self.kind, self.effort]
        parts.append(f"context>{self.context_over}" if self.context_over else "")
        parts.append(f"wait>{self.wait_over_s:g}" if self.wait_over_s is not None else "")
        return f"{' & '.join(filter(None, parts)) or 'all'} -> {self.to}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A name, groups in the order of preference, and rules. Raises `ConfigError` for a plan that cannot work.

    A request that is longer than the context of its group goes to the first group that holds it.
    """

    name: str
    groups: tuple[Group, ...]
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not self.groups:
            raise _make_problem(self.name, "has no machine", "Give at least one, such as codex-spark×2")
        for group in self.groups:
            if not 1 <= group.count <= MOST_MACHINES:
                raise _make_problem(
                    self.name,
                    f"has {group.count} machines {group.name!r}",
                    f"Give a count from 1 to {MOST_MACHINES:,}",
                )
        names = [group.name for group in self.groups]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise _make_problem(
                self.name, f"names the machine {repeated[0]!r} twice", "Give one group and its count"
            )
        for number, rule in enumerate(self.rules):
            self._check_rule(number, rule, names)

    def _check_rule(self, number: int, rule: Rule, names: Sequence[str]) -> None:
        if rule.to not in names:
            raise _make_problem(
                self.name,
                f"has no machine {rule.to!r} for its rule {number + 1}, {rule}",
                f"Choose from {', '.join(names)}",
            )
        if rule.wait_over_s is not None and rule.to == names[0]:
            raise _make_problem(
                self.name,
                f"moves requests from {rule.to!r} to itself by its rule {number + 1}, {rule}",
                f"`wait` is the first group's queue; choose from {', '.join(names[1:]) or 'other machines'}",
            )
        context = next(group.machine.context_tokens for group in self.groups if group.name == rule.to)
        if rule.context_over >= context:
            raise _make_problem(
                self.name,
                f"sends nothing by its rule {number + 1}, {rule}: that machine's context is {context:,}",
                "Choose a machine with a longer context, or lower the rule's limit",
            )
        for earlier, other in enumerate(self.rules[:number]):
            if other.covers(rule):
                raise _make_problem(
                    self.name,
                    f"never reaches its rule {number + 1}, {rule}: rule {earlier + 1}, {other}, takes all of "
                    "its requests",
                    "Remove one of them, or change their order",
                )

    @property
    def error(self) -> float:
        """The largest of the machines' typical errors."""
        return max(group.machine.error for group in self.groups)

    @property
    def worst(self) -> float:
        """The largest of the machines' worst errors."""
        return max(group.machine.worst for group in self.groups)


def _make_problem(name: str, problem: str, remedy: str) -> ConfigError:
    return ConfigError(f"The plan {name!r} {problem}", NOT_SIMULATED, remedy)


CONDITIONS: Mapping[str, str] = {field.name: str(field.type) for field in fields(Rule) if field.name != "to"}
"""The names of a rule's conditions."""
