"""Plans as words of the command line and as TOML: what they mean, and what is refused."""

import tomllib

import pytest

from spark_lsp.engine.wafer.machines import machine_of
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.machine import Machine
from spark_lsp.simulate.plan import Rule
from spark_lsp.simulate.plan_text import parse_plan, read_plans

GPU = "h100_sxm/x8/llama70b"


def find(name: str) -> Machine:
    return machine_of(name, {})


def test_a_plan_of_the_command_line() -> None:
    word = f"mix=codex-spark×2, {GPU} * 4; context>32000 -> h100; edit & deep -> {GPU}; wait>0.5->h"
    found = parse_plan(word, find)
    assert found.name == "mix"
    assert [(each.name, each.count) for each in found.groups] == [("codex-spark", 2), (GPU, 4)]
    assert found.rules == (
        Rule(GPU, context_over=32_000),
        Rule(GPU, kind="edit", effort="deep"),
        Rule(GPU, wait_over_s=0.5),
    )
    assert [str(rule) for rule in found.rules][1] == f"edit & deep -> {GPU}"


def test_the_same_plan_in_toml() -> None:
    text = f"""
    [plans.mix.machines]
    codex-spark = 2
    "{GPU}" = 4
    [[plans.mix.rules]]
    context_over = 32000
    to = "h100"
    [[plans.mix.rules]]
    kind = "edit"
    effort = "deep"
    to = "{GPU}"
    [[plans.mix.rules]]
    wait_over_s = 0.5
    to = "h100"
    """
    word = f"mix=codex-spark×2,{GPU}×4; context>32000 -> h100; edit & deep -> h100; wait>0.5 -> h100"
    assert read_plans(tomllib.loads(text), "plans.toml", find) == [parse_plan(word, find)]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("codex-spark", "it has no name"),
        ("=codex-spark", "it has no name"),
        ("a=", "is not MACHINE×COUNT"),
        ("a=codex-spark×", "is not MACHINE×COUNT"),
        ("a=codex-spark×two", "is not MACHINE×COUNT"),
        ("a=codex-spark×-1", "is not MACHINE×COUNT"),
        ("a=codex-spark×0", "has 0 machines"),
        ("a=codex-spark×1001", "Give a count from 1 to 1,000"),
        ("a=codex-spark,codex-spark", "names the machine 'codex-spark' twice"),
        ("a=warp×2", "There is no profile 'warp'"),
        ("a=codex-spark; edit", "is not CONDITION -> MACHINE"),
        ("a=codex-spark; edit -> ", "is not CONDITION -> MACHINE"),
        ("a=codex-spark; edits -> codex-spark", "'edits' is not a condition"),
        ("a=codex-spark; context>many -> codex-spark", "is not a condition"),
        ("a=codex-spark; wait>nan -> codex-spark", "is not a condition"),
        ("a=codex-spark; edit -> gpu", "has no machine 'gpu' for its rule 1, edit -> gpu"),
        ("a=codex-spark; wait>1 -> codex-spark", "to itself by its rule 1"),
        (f"a=codex-spark,{GPU}; edit -> h100; edit & deep -> codex", "never reaches its rule 2"),
        (f"a=codex-spark,{GPU}; all -> h100; wait>1 -> h100", "never reaches its rule 2"),
        (f"a=codex-spark,{GPU}; wait>1 -> h100; wait>2 -> h100", "never reaches its rule 2"),
        (f"a=codex-spark,{GPU}; context>200000 -> h100", "sends nothing by its rule 1"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(word: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_plan(word, find)
    assert says in str(refused.value)
    assert refused.value.remedy


def test_rules_that_take_other_requests_are_not_covered() -> None:
    for rules in (
        "wait>2 -> h100; wait>1 -> h100",
        "context>9000 -> h100; context>100 -> h100",
        "wait>1 -> h100; deep -> h100",
        "edit -> h100; completion & fast -> h100; deep -> h100",
    ):
        assert parse_plan(f"a=codex-spark,{GPU}; {rules}", find).rules


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no table [plans.NAME]"),
        ("plans = 3", "holds no table [plans.NAME]"),
        ("[plans]\na = 3", "plans.a in p.toml is not a table"),
        ("[plans.a]\nwafers = 3", "has the unknown key 'wafers'"),
        ("[plans.a]", "has no machine"),
        ("[plans.a]\nmachines = 3", "is not a table"),
        ("[plans.a.machines]\ncodex-spark = 1.5", "is not a whole number"),
        ("[plans.a.machines]\ncodex-spark = true", "is not a whole number"),
        ("[plans.a.machines]\ncodex-spark = -3", "has -3 machines"),
        ("[plans.a]\nrules = 3\n[plans.a.machines]\ncodex-spark = 1", "are not a list"),
        ("[plans.a]\nrules = [3]\n[plans.a.machines]\ncodex-spark = 1", "rule 1 of plans.a in p.toml is not"),
        ("[plans.a.machines]\ncodex-spark = 1\n[[plans.a.rules]]\nkind = 'edit'", "has no machine ''"),
        ("[plans.a.machines]\ncodex-spark = 1\n[[plans.a.rules]]\nto = 3", "`to` of rule 1"),
        ("[plans.a.machines]\ncodex-spark = 1\n[[plans.a.rules]]\nto = 'c'\nkind = 'x'", "is not one of"),
        (
            "[plans.a.machines]\ncodex-spark = 1\n[[plans.a.rules]]\nto = 'c'\nwait_over_s = nan",
            "not a number",
        ),
        ("[plans.a.machines]\ncodex-spark = 1\n[[plans.a.rules]]\nto = 'c'\nwhen = 1", "unknown key 'when'"),
    ],
)
def test_a_table_that_cannot_work_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_plans(tomllib.loads(text), "p.toml", find)
    assert says in str(refused.value)
