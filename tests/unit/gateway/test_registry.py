"""What a request's `model` means."""

import time

import pytest

from spark_lsp.config import ReplaySettings, RouteRules
from spark_lsp.engine.circuit_breaker import MAX_FAILURES
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.errors import EngineError
from spark_lsp.gateway.registry import Registry
from spark_lsp.request import Effort, Request, Task

EFFORTS: tuple[Effort, ...] = ("fast", "balanced", "deep")


def replay(name: str) -> ReplayEngine:
    return ReplayEngine(name, ReplaySettings())


@pytest.fixture
def registry() -> Registry:
    engines = {name: replay(name) for name in ("fast", "slow")}
    return Registry(engines, {"completion": ("fast",), "edit": ("slow", "fast"), "night": ("slow",)})


@pytest.mark.parametrize(
    ("task", "model", "engine"),
    [
        (Task.COMPLETE, "", "fast"),
        (Task.EDIT, "", "slow"),
        (Task.CHAT, "", "slow"),  # the edit route, unless it is set
        (Task.COMPLETE, "edit", "slow"),
        (Task.CHAT, "completion", "fast"),
        (Task.EDIT, "night", "slow"),
        (Task.EDIT, "fast", "fast"),
        (Task.EDIT, "fast/replay", "fast"),
    ],
)
def test_a_name_is_a_route_then_an_engine_then_engine_and_model(
    registry: Registry, task: Task, model: str, engine: str
) -> None:
    assert registry.resolve(Request(task, model=model)).info.name == engine


@pytest.mark.parametrize("model", ["gpt-5", "fast/other", "other/replay", "/", "fast/", " fast", "FAST"])
def test_any_other_name_is_refused_with_the_names_there_are(registry: Registry, model: str) -> None:
    with pytest.raises(EngineError, match="completion, edit, chat, fast, slow, fast/replay") as caught:
        registry.resolve(Request(Task.CHAT, model=model))
    assert caught.value.code == "model_not_found"
    assert not caught.value.retryable


def test_every_listed_name_can_be_used(registry: Registry) -> None:
    assert len(registry.models()) == len(set(registry.models())) == 7
    for name in registry.models():
        assert registry.resolve(Request(Task.CHAT, model=name)).info.state == "ready"


def test_a_chat_route_of_its_own_goes_before_the_edit_route(registry: Registry) -> None:
    own = registry.overlay({}, {"chat": ["fast"]})
    assert own.resolve(Request(Task.CHAT)).info.name == "fast"


def test_a_session_s_engines_lie_over_the_gateway_s_for_that_session_only(registry: Registry) -> None:
    own = registry.overlay({"mine": replay("mine")}, {"completion": ["mine"]})
    assert own.resolve(Request(Task.COMPLETE)).info.name == "mine"
    assert own.resolve(Request(Task.EDIT)).info.name == "slow"
    assert registry.resolve(Request(Task.COMPLETE)).info.name == "fast"
    with pytest.raises(EngineError):
        registry.resolve(Request(Task.COMPLETE, model="mine"))


def test_names_in_a_route_that_are_no_engines_are_told(registry: Registry) -> None:
    routes = {"completion": ["fast", "gone"], "edit": ["slow"]}
    assert [str(each) for each in registry.find_unknown(routes)] == [
        "engine.routes.completion (editor): there is no engine 'gone'; it is passed over"
    ]


def test_a_route_may_be_set_for_one_effort() -> None:
    engines = {name: replay(name) for name in ("fast", "slow")}
    registry = Registry(engines, {"edit": ("fast",), "edit.deep": ("slow",)})
    served = {effort: registry.resolve(Request(Task.EDIT, effort=effort)).info.name for effort in EFFORTS}
    assert served == {"fast": "fast", "balanced": "fast", "deep": "slow"}


def test_an_engine_that_is_unwell_is_told_of() -> None:
    registry = Registry({"fast": replay("fast"), "slow": replay("slow")}, {"edit": ("fast", "slow")})
    for _ in range(MAX_FAILURES):
        registry._own_breakers["fast"].record_failure(time.monotonic(), "It failed")
    fast, slow = registry.infos()
    assert (fast.state, slow.state) == ("degraded", "degraded")
    assert fast.reason.startswith("It failed.")
    assert slow.reason == "fast: It failed; slow answers instead"
    assert registry.serving()["edit"] == "slow"
    assert registry.overlay({}, {}).serving()["edit"] == "slow"
    assert registry.overlay({"fast": replay("fast")}, {}).serving()["edit"] == "fast"  # another engine


def test_a_session_s_route_has_the_gateway_s_rules_and_no_engine_that_was_refused() -> None:
    base = Registry({"fast": replay("fast")}, {}, rules={"edit": RouteRules(hedge="p95")})
    own = base.overlay({"mine": replay("mine")}, {"edit": ["fast", "unapproved", "mine"]})
    assert own.rules == base.rules
    assert own.records is base.records  # one budget of hedges for all editors
    assert [engine.info.name for engine in own.route("edit")._engines] == ["fast", "mine"]
