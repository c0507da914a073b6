"""The composition root: the user's file of settings, and engines built from them."""

from pathlib import Path

import pytest

from spark_lsp import app
from spark_lsp.config import EngineSettings, LocalSettings, ReplaySettings, WaferSettings
from spark_lsp.engine.local.drafting import DraftingModel
from spark_lsp.engine.local.pair import LocalPair
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.errors import ConfigError


@pytest.fixture(autouse=True)
def nobody_s_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPARK_LSP_ENGINE_URL", "SPARK_LSP_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(tmp_path / "usual.toml"))


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_without_a_file_there_is_the_local_engine_on_every_route() -> None:
    settings, problems = app.load_settings()
    assert settings.engines == {"local": LocalSettings()}
    assert set(settings.routes.values()) == {("local",)}
    assert problems == []


def test_the_usual_file_is_read_and_a_named_one_goes_before_it(tmp_path: Path) -> None:
    written(tmp_path / "usual.toml", "[engines.a]\nkind = 'replay'\n")
    named = written(tmp_path / "named.toml", "[engines.b]\nkind = 'replay'\n")
    assert set(app.load_settings()[0].engines) == {"local", "a"}
    assert set(app.load_settings(named)[0].engines) == {"local", "b"}


def test_the_usual_file_lies_in_the_user_s_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_LSP_CONFIG")
    assert app.config_path().parts[-2:] == ("spark-lsp", "config.toml")


def test_paths_are_relative_to_the_file_they_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    written(
        tmp_path / "sub" / "config.toml",
        "[engines.r]\nkind = 'replay'\ntext = 'a.txt'\ntexts = { edit = '/abs.txt', chat = '~/c.txt' }\n"
        "[engines.empty]\nkind = 'replay'\n"
        "[engines.own]\nkind = 'local'\nmodel = './m.gguf'\n"
        "[engines.named]\nkind = 'local'\nmodel = 'qwen2.5-coder-1.5b'\n",
    )
    monkeypatch.chdir(tmp_path)
    engines = app.load_settings(Path("sub/config.toml"))[0].engines
    replay = engines["r"]
    assert isinstance(replay, ReplaySettings)
    assert replay.text == str(tmp_path / "sub" / "a.txt")
    assert replay.texts == {"edit": "/abs.txt", "chat": str(Path.home() / "c.txt")}
    assert engines["empty"] == ReplaySettings()
    assert engines["own"] == LocalSettings(model=str(tmp_path / "sub" / "m.gguf"))
    assert engines["named"] == LocalSettings(model="qwen2.5-coder-1.5b")


def test_bad_values_are_told_with_the_file_and_the_good_ones_used(tmp_path: Path) -> None:
    text = "engines.r = { kind = 'replay', text = 3, texts = { edit = 4 }, delay_ms = 7 }\nengines.x = 5\n"
    path = written(tmp_path / "c.toml", text)
    settings, problems = app.load_settings(path)
    assert settings.engines["r"] == ReplaySettings(delay_ms=7)
    assert [problem.name for problem in problems] == ["engines.r.text", "engines.r.texts", "engines.x"]
    assert {problem.source for problem in problems} == {str(path)}


def test_engines_that_are_no_table_are_told(tmp_path: Path) -> None:
    settings, problems = app.load_settings(written(tmp_path / "c.toml", "engines = 3\n"))
    assert set(settings.engines) == {"local"}
    assert [problem.name for problem in problems] == ["engines"]


@pytest.mark.parametrize("text", ["[engines", "a = \udcff"])
def test_a_file_that_is_not_toml_is_refused_as_a_whole(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"c\.toml is not valid TOML.*Correct that line"):
        app.load_settings(tmp_path / "c.toml")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        app.load_settings(tmp_path / "none.toml")


def test_the_environment_goes_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "c.toml", "[log]\nlevel = 'error'\n")
    monkeypatch.setenv("SPARK_LSP_LOG_LEVEL", "debug")
    assert app.load_settings(path)[0].log.level == "debug"


def test_each_kind_has_its_engine_and_building_starts_nothing(tmp_path: Path) -> None:
    replay = "[engines.r]\nkind = 'replay'\ntext = 'missing.txt'\n"
    local = "[engines.s]\nkind = 'local'\nmodel = 'smollm2-135m'\n"
    path = written(tmp_path / "c.toml", replay + local)
    engines = app.build_engines(app.load_settings(path)[0])
    kinds = {name: type(engine) for name, engine in engines.items()}
    assert kinds == {"local": LocalPair, "r": ReplayEngine, "s": DraftingModel}
    assert engines["r"].info.name == "r"


def test_a_wafer_finds_its_source_whatever_their_order(tmp_path: Path) -> None:
    text = "[engines.w]\nkind = 'wafer'\nsource = 'r'\nprofile = 'p'\n[engines.r]\nkind = 'replay'\n"
    profile = "[profiles.p]\ntokens_per_s = 900\nprefill_tokens_per_s = 1e5\n"
    settings, problems = app.load_settings(written(tmp_path / "c.toml", text + profile))
    assert problems == []
    info = app.build_engines(settings)["w"].info
    assert (info.kind, info.model, info.state, info.simulated) == ("wafer", "p (simulated)", "ready", True)


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("engines.w = { kind = 'wafer', source = 'w' }", "engines.w.source", "leads back to itself (w → w)"),
        ("engines.w = { kind = 'wafer', source = 'x' }", "engines.w.source", "there is no engine 'x'"),
        ("engines.w = { kind = 'wafer', profile = 'x' }", "engines.w.profile", "There is no profile 'x'"),
        ("engines.w = { kind = 'wafer', tokens_per_s = -1 }", "engines.w.tokens_per_s", ">= 0"),
        ("engines.w = { kind = 'wafer', speed = 1 }", "engines.w.speed", "is not a setting"),
        ("profiles.p = { layers = -4 }", "profiles.p.layers", ">= 0"),
        ("profiles.p = 3", "profiles.p", "must be a table"),
        ("profiles = 3", "profiles", "must be a table of tables"),
    ],
)
def test_a_wafer_that_cannot_be_is_told_by_its_key(tmp_path: Path, text: str, name: str, says: str) -> None:
    _, problems = app.load_settings(written(tmp_path / "c.toml", text + "\n"))
    assert [problem.name for problem in problems] == [name]
    assert says in problems[0].reason


def test_each_wafer_of_a_circle_is_told(tmp_path: Path) -> None:
    text = "engines.a = { kind = 'wafer', source = 'b' }\nengines.b = { kind = 'wafer', source = 'a' }\n"
    _, problems = app.load_settings(written(tmp_path / "c.toml", text))
    assert [problem.name for problem in problems] == ["engines.a.source", "engines.b.source"]
    assert "a → b → a" in problems[0].reason


@pytest.mark.parametrize(
    ("table", "allowed"),
    [
        (LocalSettings(), True),
        (LocalSettings(model="qwen2.5-coder-1.5b"), True),
        (LocalSettings(model="m.gguf"), False),
        (LocalSettings(model="a/b"), False),
        (LocalSettings(model="a\\b"), False),
        (LocalSettings(model="~/m"), False),
        (ReplaySettings(tokens_per_s=9), True),
        (WaferSettings(source="local"), True),
        (ReplaySettings(text="a.txt"), False),
        (ReplaySettings(texts={"edit": "a.txt"}), False),
    ],
)
def test_an_editor_s_settings_may_not_name_files(table: EngineSettings, allowed: bool) -> None:
    tables = {"e": table}
    used, problems = app.refuse_unapproved(tables)
    assert (used == tables) is allowed
    assert [problem.name for problem in problems] == ([] if allowed else ["engines.e"])
