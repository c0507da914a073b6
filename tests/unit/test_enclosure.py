"""The tests themselves: they see nothing of the user's own, and can run side by side."""

import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from spark_lsp import runtime
from spark_lsp.app import load_settings
from tests import groups
from tests.enclosure import enclose, fresh, link_cache


def test_no_place_of_the_users_is_named() -> None:
    root = enclose().root
    places = [
        Path.home(),
        platformdirs.user_config_path("spark-lsp"),
        platformdirs.user_state_path("spark-lsp"),
        platformdirs.user_data_path("spark-lsp"),
        platformdirs.user_cache_path("spark-lsp"),
    ]
    assert all(root in place.parents for place in places)
    assert str(root) in os.environ["XDG_RUNTIME_DIR"]


def test_each_test_begins_with_an_empty_home() -> None:
    before = Path.home()
    assert [path for path in before.rglob("*") if path.is_file()] == []
    (before / ".gitconfig").touch()
    with fresh():
        assert Path.home() != before
        assert [path for path in Path.home().rglob("*") if path.is_file()] == []
    assert Path.home() == before


def test_the_program_finds_neither_configuration_nor_gateway() -> None:
    settings, problems = load_settings()
    assert problems == []
    assert "replay" not in settings.engines
    assert runtime.read_state(runtime.directory()) is None


def test_a_child_that_is_given_our_environment_sees_as_little() -> None:
    code = "import os, platformdirs; print(os.environ['HOME'], platformdirs.user_config_dir())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(word.startswith(str(enclose().root)) for word in said.split())


@pytest.mark.parametrize(
    "name", ["SPARK_LSP_ENGINE_URL", "SPARK_LSP_TOKEN", "SPARK_LSP_CONFIG", "OPENAI_API_KEY"]
)
def test_what_the_user_has_exported_does_not_reach_a_test(name: str) -> None:
    """In a process of its own, because this one has forgotten what was exported."""
    code = (
        "import os; from tests.enclosure import enclose, leave; "
        f"enclose(); leave(); print({name!r} in os.environ)"
    )
    environment = {**os.environ, name: "the user's own"}
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(groups.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "False\n"


def test_a_model_that_a_test_removes_is_not_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "real" / "spark-lsp" / "models" / "tiny.gguf"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    monkeypatch.setattr("tests.enclosure.REAL", {"XDG_CACHE_HOME": str(tmp_path / "real")})
    link_cache(tmp_path / "cache")
    linked = tmp_path / "cache" / "models" / "tiny.gguf"
    assert linked.read_bytes() == b"weights"
    linked.unlink()
    (linked.parent / "another.gguf").touch()
    assert [each.name for each in weights.parent.iterdir()] == ["tiny.gguf"]


def test_tests_of_a_module_and_of_the_model_stay_together(request: pytest.FixtureRequest) -> None:
    ours = [item for item in request.session.items if item.nodeid.startswith("tests/unit/test_enclosure.py")]
    assert {groups.group_of(item) for item in ours} == {"tests/unit/test_enclosure.py"}
    model = [item for item in request.session.items if item.get_closest_marker("model")]
    assert {groups.group_of(item) for item in model} <= {groups.MODEL}
