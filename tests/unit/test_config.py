"""Settings: each source over the one before, bad values named one by one, good ones kept."""

from spark_lsp.config import (
    LocalSettings,
    ReplaySettings,
    Settings,
    from_environment,
    resolve,
    source_chain,
    unknown_engines,
)


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
