"""Plans from a word of the command line, and from the tables of a TOML file. Pure.

    NAME=MACHINE×COUNT[,MACHINE×COUNT …][; CONDITION [& CONDITION …] -> MACHINE]…

A condition is `completion`, `edit`, `fast`, `balanced`, `deep`, `context>TOKENS`, `wait>SECONDS` or `all`.
`*` is the same as `×`. A rule may shorten a machine's name to a beginning that no other machine has.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from spark_lsp.errors import ConfigError
from spark_lsp.simulate.machine import Machine
from spark_lsp.simulate.plan import CONDITIONS, NOT_SIMULATED, Group, Plan, Rule
from spark_lsp.simulate.trace import EFFORTS, KINDS, MOST

FindMachine = Callable[[str], Machine]
"""Returns a machine by its name; raises `ConfigError`."""
FORM = "Give NAME=MACHINE×COUNT, such as mix=codex-spark×2,h100_sxm/x8/llama70b×4; context>32000 -> h100"
_COUNT = re.compile(r"\s*[×*]\s*([^×*,;]*)$")
_OVER = re.compile(r"(context|wait)\s*>\s*(\S+)$")


def parse_plan(word: str, find: FindMachine) -> Plan:
    """Read a plan from a word of the command line. Raises `ConfigError`."""
    name, equals, rest = word.partition("=")
    machines, *rules = rest.split(";")
    if not equals or not name.strip():
        raise _make_problem(word, "it has no name")
    groups = tuple(_parse_group(word, each.strip(), find) for each in machines.split(","))
    given = tuple(_parse_rule(word, rule.strip(), groups) for rule in rules if rule.strip())
    return Plan(name.strip(), groups, given)


def _parse_group(word: str, text: str, find: FindMachine) -> Group:
    found = _COUNT.search(text)
    name = text[: found.start()] if found else text
    count = found[1].strip() if found else "1"
    if not name or not count.isascii() or not count.isdecimal() or len(count) > 9:
        raise _make_problem(word, f"{text!r} is not MACHINE×COUNT")
    return Group(name, find(name), int(count))


def _parse_rule(word: str, text: str, groups: Sequence[Group]) -> Rule:
    conditions, arrow, to = text.rpartition("->")
    if not arrow or not to.strip():
        raise _make_problem(word, f"the rule {text!r} is not CONDITION -> MACHINE")
    values: dict[str, Any] = {"to": _complete(to.strip(), groups)}
    for condition in conditions.split("&"):
        values |= _parse_condition(word, condition.strip())
    return Rule(**values)


def _parse_condition(word: str, condition: str) -> dict[str, Any]:
    if condition in KINDS:
        return {"kind": condition}
    if condition in EFFORTS:
        return {"effort": condition}
    if condition == "all":
        return {}
    if found := _OVER.match(condition):
        value = _read_number(found[2])
        if value is not None:
            return {"context_over": int(value)} if found[1] == "context" else {"wait_over_s": value}
    raise _make_problem(word, f"{condition!r} is not a condition")


def _read_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= MOST else None


def _complete(to: str, groups: Sequence[Group]) -> str:
    """Return the machine that a rule means; the text itself if it is not exactly one."""
    names = [group.name for group in groups]
    meant = [name for name in names if name.startswith(to)]
    return meant[0] if to and to not in names and len(meant) == 1 else to


def _make_problem(word: str, problem: str) -> ConfigError:
    short = word if len(word) <= 60 else f"{word[:60]}…"
    return ConfigError(f"--plan {short!r} is not a plan: {problem}", NOT_SIMULATED, FORM)


def read_plans(values: Mapping[str, Any], source: str, find: FindMachine) -> list[Plan]:
    """Read the tables `[plans.NAME]` of a TOML file. Raises `ConfigError` that names the key.

    `machines` is a table of counts by the machines' names, `rules` a list of tables with `to` and conditions.
    """
    tables = values.get("plans")
    if not isinstance(tables, Mapping) or not tables:
        raise ConfigError(
            f"{source} holds no table [plans.NAME]", NOT_SIMULATED, "Add one with `machines` and `rules`"
        )
    return [_read_plan(name, each, source, find) for name, each in cast("Mapping[str, Any]", tables).items()]


def _read_plan(name: str, table: Any, source: str, find: FindMachine) -> Plan:
    where = f"plans.{name} in {source}"
    plan = _need_table(table, where, ("machines", "rules"))
    machines = _need_table(plan.get("machines", {}), f"plans.{name}.machines in {source}")
    groups: list[Group] = []
    for key, count in machines.items():
        if isinstance(count, bool) or not isinstance(count, int):
            raise ConfigError(f"The count of {key!r} of {where} is not a whole number", NOT_SIMULATED)
        groups.append(Group(key, find(key), count))
    rules = plan.get("rules", [])
    if not isinstance(rules, list):
        raise ConfigError(f"The rules of {where} are not a list of tables", NOT_SIMULATED, _RULES)
    given = cast("list[Any]", rules)
    return Plan(
        name, tuple(groups), tuple(_read_rule(n, each, where, groups) for n, each in enumerate(given, 1))
    )


_RULES = f"Write [[plans.NAME.rules]] with `to` and any of {', '.join(CONDITIONS)}"


def _read_rule(number: int, table: Any, where: str, groups: Sequence[Group]) -> Rule:
    here = f"rule {number} of {where}"
    rule = _need_table(table, here, ("to", *CONDITIONS))
    for key in ("to", "kind", "effort"):
        if not isinstance(rule.get(key, ""), str):
            raise ConfigError(f"`{key}` of {here} is not a text", NOT_SIMULATED)
    for key, known in (("kind", KINDS), ("effort", EFFORTS)):
        if rule.get(key) and rule[key] not in known:
            raise ConfigError(f"`{key}` of {here} is not one of {', '.join(known)}", NOT_SIMULATED)
    for key in ("context_over", "wait_over_s"):
        value = rule.get(key, 0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not 0 <= value <= MOST:
            raise ConfigError(f"`{key}` of {here} is not a number from 0 to {MOST:,}", NOT_SIMULATED)
    return Rule(
        _complete(rule.get("to", ""), groups),
        rule.get("kind", ""),
        rule.get("effort", ""),
        int(rule.get("context_over", 0)),
        rule.get("wait_over_s"),
    )


def _need_table(value: Any, where: str, known: Sequence[str] = ()) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is not a table", NOT_SIMULATED, _RULES)
    table = cast("Mapping[str, Any]", value)
    if unknown := [key for key in table if known and key not in known]:
        raise ConfigError(
            f"{where} has the unknown key {unknown[0]!r}", NOT_SIMULATED, f"Choose from {', '.join(known)}"
        )
    return table
