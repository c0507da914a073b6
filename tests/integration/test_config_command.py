"""`spark-lsp config`: what is in force and why, what cannot be used, and the schema."""

import json
from pathlib import Path

import pytest

from spark_lsp import cli
from spark_lsp.config import ENGINE_KINDS, Settings, resolve
from spark_lsp.schema import schema

GOOD = '[completion]\nmaxLines = 3\n[engines.mine]\nkind = "replay"\n[routes]\nedit = ["mine"]\n'
BAD = """\
[completion]
maxLines = "many"
enabled = false
colour = 1
[engines.x]
kind = "abacus"
[routes]
edit = ["y"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(path))
    for name in ("SPARK_LSP_ENGINE_URL", "SPARK_LSP_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    return path


def test_show_says_where_each_value_came_from(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPARK_LSP_LOG_LEVEL", "debug")
    assert cli.main(["config", "show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == []
    settings = found["settings"]
    assert settings["completion.maxLines"] == {"value": 3, "from": str(file)}
    assert settings["log.level"] == {"value": "debug", "from": "environment"}
    assert settings["completion.enabled"] == {"value": True, "from": "default"}
    assert settings["engines.mine"]["from"] == settings["routes.edit"]["from"] == str(file)
    assert settings["engines.local"]["from"] == "default"
    assert cli.main(["config", "show"]) == 0
    assert f"completion.maxLines      = 3  # {file}" in capsys.readouterr().out


def test_check_names_each_bad_value_and_the_rest_is_kept(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["config", "check"]) == 0
    file.write_text(BAD)
    assert cli.main(["config", "check"]) == 3
    lines = capsys.readouterr().out.splitlines()[1:]
    names = [line.split(" ")[0] for line in lines]
    assert names == ["completion.maxLines", "completion.colour", "engines.x.kind", "routes.edit"]
    assert cli.main(["config", "show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["completion.enabled"] == {"value": False, "from": str(file)}
    assert len(found["problems"]) == 4


def test_check_reads_an_editors_section_and_a_projects_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    editor = tmp_path / "settings.json"
    editor.write_text('{"spark": {"completion": {"delayMs": -1}}}')
    assert cli.main(["config", "check", str(editor)]) == 3
    assert "completion.delayMs" in capsys.readouterr().out
    project = tmp_path / ".spark.toml"
    project.write_text('[engine]\nurl = "ws://evil"\n')
    assert cli.main(["config", "check", str(project)]) == 3
    assert "may only take away" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "[1]"), ("a.json", "{"), (".spark.toml", "="), ("a.toml", "=")]
)
def test_a_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert cli.main(["config", "check", str(tmp_path / name)]) == 1
    assert name in capsys.readouterr().err


def test_no_file_means_the_defaults(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(tmp_path / "none.toml"))
    assert cli.main(["config", "check"]) == 0
    assert "defaults" in capsys.readouterr().out


def test_the_schema_knows_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(schema()))
    assert set(printed["properties"]) == set(Settings.__dataclass_fields__)
    assert len(printed["properties"]["engines"]["additionalProperties"]["oneOf"]) == len(ENGINE_KINDS)
    assert printed["properties"]["completion"]["properties"]["maxLines"]["minimum"] == 0


def test_the_schemas_defaults_are_the_defaults() -> None:
    tables = {
        name: each["properties"] for name, each in schema()["properties"].items() if "properties" in each
    }
    values = {name: {key: each["default"] for key, each in table.items()} for name, table in tables.items()}
    settings, problems = resolve(("schema", values))
    assert problems == []
    assert settings == resolve()[0]


@pytest.mark.parametrize("name", ["config.toml", ".spark.toml", "settings.json"])
def test_check_names_a_pattern_that_can_match_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    patterns = ["*.sql", "[abc", ""]
    texts = {
        "config.toml": f"[context]\nexclude = {json.dumps(patterns)}\n",
        ".spark.toml": f"exclude = {json.dumps(patterns)}\n",
        "settings.json": json.dumps({"spark": {"context": {"exclude": patterns}}}),
    }
    (tmp_path / name).write_text(texts[name])
    assert cli.main(["config", "check", str(tmp_path / name)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "'[abc'" in lines[0]
    assert "is empty" in lines[1]
