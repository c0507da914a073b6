"""Settings: each source over the one before, bad values named one by one, good ones kept."""

import pytest

from spark_lsp.config import (
    LocalSettings,
    OwnAction,
    ReplaySettings,
    RouteRules,
    Settings,
    from_environment,
    resolve,
    source_chain,
    unknown_engines,
)
from spark_lsp.config.routing import routing_problems
from spark_lsp.privacy.files import read_project_file


def test_defaults_work_without_any_source() -> None:
    settings, problems = resolve()
    assert problems == []
    assert settings.engines == {"local": LocalSettings()}
    assert settings.routes["completion"] == ("local",)


def test_later_sources_win_value_by_value() -> None:
    file = ("config.toml", {"completion": {"maxLines": 3, "delayMs": 5}})
    editor = ("editor", {"completion": {"maxLines": 9}})
    settings, problems = resolve(file, editor)
    assert problems == []
    assert (settings.completion.maxLines, settings.completion.delayMs) == (9, 5)


def test_engines_are_added_to_the_default_one() -> None:
    table = {"replay": {"kind": "replay", "text": "a.txt", "tokens_per_s": 100}}
    settings, problems = resolve(("f", {"engines": table, "routes": {"completion": ["replay", "local"]}}))
    assert problems == []
    assert settings.engines["replay"] == ReplaySettings(text="a.txt", tokens_per_s=100.0)
    assert settings.routes["completion"] == ("replay", "local")
    assert settings.routes["edit"] == ("local",)


def test_bad_values_are_named_and_the_rest_is_kept() -> None:
    values = {
        "completion": {"maxLines": "many", "enabled": False, "delayMs": -4, "colour": "red"},
        "edit": 7,
        "engines": {"x": {"kind": "abacus"}, "edit": {"kind": "local"}, "y": 3},
        "routes": {"completion": ["nobody", "local"]},
    }
    settings, problems = resolve(("editor", values))
    assert {p.name for p in problems} == {
        "completion.maxLines",
        "completion.delayMs",
        "completion.colour",
        "edit",
        "engines.x.kind",
        "engines.edit",
        "engines.y",
    }
    assert settings.completion.enabled is False
    assert settings.completion.maxLines == 0
    assert [p.name for p in unknown_engines(settings)] == ["routes.completion"]
    assert all(str(p).count(":") >= 1 for p in problems)


def test_null_means_the_default() -> None:
    settings, problems = resolve(("editor", {"completion": None, "log": {"level": None}}))
    assert problems == []
    assert settings == Settings(routes=settings.routes)


def test_the_editors_routes_go_over_the_files() -> None:
    file = ("f", {"engines": {"r": {"kind": "replay"}}, "routes": {"edit": ["local"]}})
    settings, _ = resolve(file, ("editor", {"engine": {"routes": {"edit": ["r"]}}}))
    assert settings.routes["edit"] == ("r",)


def test_environment() -> None:
    source = from_environment({"SPARK_LSP_ENGINE_URL": "ws://127.0.0.1:1/v1/responses", "HOME": "/x"})
    settings, problems = resolve(source)
    assert problems == []
    assert settings.engine.url == "ws://127.0.0.1:1/v1/responses"


def test_what_an_engine_stands_on() -> None:
    engines = resolve(
        (
            "file",
            {
                "engines": {
                    "a": {"kind": "wafer", "source": "b"},
                    "b": {"kind": "wafer"},
                    "c": {"kind": "wafer", "source": "d"},
                    "d": {"kind": "wafer", "source": "c"},
                }
            },
        )
    )[0].engines
    assert source_chain("a", engines) == ["a", "b", "local"]
    assert source_chain("c", engines) == ["c", "d", "c"]
    assert source_chain("local", engines) == ["local"]
    assert source_chain("none", engines) == ["none"]


OWN = {"title": "Be brief", "instruction": "Make this shorter"}


def test_own_actions_replace_those_of_an_earlier_source() -> None:
    below = ("file", {"actions": [{**OWN, "languages": ["go"]}]})
    settings, problems = resolve(below)
    assert settings.actions == (OwnAction("Be brief", "Make this shorter", ("go",)),)
    settings, more = resolve(below, ("editor", {"actions": [{**OWN, "kind": "refactor"}]}))
    assert [each.kind for each in settings.actions] == ["refactor"]
    assert problems == more == []


@pytest.mark.parametrize(
    ("entry", "name", "reason"),
    [
        ({"title": "A"}, "actions[1]", "needs a `instruction`"),
        ({"instruction": "b"}, "actions[1]", "needs a `title`"),
        ({"title": " ", "instruction": "b"}, "actions[1]", "needs a `title`"),
        ("text", "actions[1]", "must be a table"),
        ({"title": 1, "instruction": "b"}, "actions[1]", "Expected `str`, got `int`"),
        ({"title": "x" * 61, "instruction": "b"}, "actions[1]", "length"),
        ({"title": "A", "instruction": "b", "kind": "source.fixAll"}, "actions[1]", "regex"),
        ({"title": "A", "instruction": "b", "languages": "go"}, "actions[1]", "Expected `array`"),
        (OWN, "actions[1]", "has the title of another action"),
    ],
)
def test_a_bad_action_is_named_and_the_others_are_kept(entry: object, name: str, reason: str) -> None:
    other = {"title": "Other", "instruction": "Do it"}
    settings, (problem,) = resolve(("editor", {"actions": [OWN, entry, other]}))
    assert [each.title for each in settings.actions] == ["Be brief", "Other"]
    assert (problem.name, problem.source) == (name, "editor")
    assert reason in problem.reason
    assert problem.reason.endswith("this action is left out")


def test_an_unknown_field_of_an_action_does_not_lose_it() -> None:
    settings, (problem,) = resolve(("editor", {"actions": [{**OWN, "colour": "red"}]}))
    assert len(settings.actions) == 1
    assert problem.name == "actions[0].colour"
    settings, (problem,) = resolve(("file", {"actions": [OWN]}), ("editor", {"actions": "none"}))
    assert len(settings.actions) == 1
    assert "must be a list" in problem.reason


def test_a_project_cannot_add_actions() -> None:
    _, (problem,) = read_project_file({"actions": [OWN]}, ".spark.toml")
    assert "may only take away" in problem.reason


# Rules of routes.


def test_rules_of_a_route_are_read_and_a_wrong_value_keeps_its_default() -> None:
    values = {"routing": {"completion": {"hedge": "p95", "max_queue": 4}, "edit": {"hedge": "p50"}}}
    settings, problems = resolve(("file", values))
    assert settings.routing == {"completion": RouteRules(hedge="p95", max_queue=4), "edit": RouteRules()}
    assert [problem.name for problem in problems] == ["routing.edit.hedge"]


def test_an_editor_cannot_set_rules_since_they_decide_about_costs() -> None:
    settings, problems = resolve(("editor", {"routing": {"completion": {"hedge": "p95"}}}))
    assert settings.routing == {}
    assert [problem.name for problem in problems] == ["routing"]


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        ({"night": RouteRules()}, "routing.night"),
        ({"edit": RouteRules(long_tokens=9, long=("gone",))}, "routing.edit.long"),
        ({"edit": RouteRules(long_tokens=9)}, "routing.edit.long"),
        ({"completion": RouteRules(hedge="p95")}, "routing.completion.hedge"),
    ],
)
def test_a_rule_without_effect_is_reported(rules: dict[str, RouteRules], name: str) -> None:
    found = routing_problems(rules, {"completion": ("a",), "edit": ("a", "b")})
    assert [setting for setting, _ in found] == [name]
    assert not routing_problems({"edit": RouteRules(hedge="p95")}, {"edit": ("a", "b")})
