"""The private gateway of a replayed demonstration: what it answers, and that it ends."""

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import psutil
import pytest

from spark_lsp import launch, runtime
from spark_lsp.app import load_settings
from spark_lsp.client.rehearsal import copy_file, default_file, replaying, script
from spark_lsp.config import ReplaySettings


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    def use(environment: dict[str, str]) -> None:
        for name in environment.keys() - os.environ.keys():
            monkeypatch.setenv(name, environment[name])

    return use


def test_a_replay_answers_with_what_was_taken_out(take: Callable[[dict[str, str]], None]) -> None:
    with copy_file(default_file()) as file:
        played = script(file, replay=True)
        with replaying(played) as environment:
            take(environment)
            settings, problems = load_settings()
            engine = settings.engines["replay"]
            assert problems == []
            assert settings.routes["completion"] == settings.routes["edit"] == ("replay",)
            assert isinstance(engine, ReplaySettings)
            assert Path(engine.texts["complete"]).read_text() == played.typings[0].rest
            assert played.target is not None
            assert Path(engine.texts["edit"]).read_text() == played.target.answer
            assert played.target.answer not in played.text


def test_its_gateway_and_folder_are_gone_afterwards(take: Callable[[dict[str, str]], None]) -> None:
    with copy_file(default_file()) as file, replaying(script(file, replay=True)) as environment:
        take(environment)
        anyio.run(launch.find_or_start)
        where = Path(environment["SPARK_LSP_RUNTIME_DIR"])
        state = runtime.read_state(runtime.directory())
        assert state is not None
        transport = httpx.HTTPTransport(uds=state.url.removeprefix("ws+unix:"))
        with httpx.Client(transport=transport) as client:
            headers = {"Authorization": f"Bearer {state.token}"}
            models = client.get("http://localhost/v1/models", headers=headers).json()
        assert "replay" in {model["id"] for model in models["data"]}
    assert not where.exists()
    assert not file.path.exists()
    assert not psutil.pid_exists(state.pid) or psutil.Process(state.pid).status() == psutil.STATUS_ZOMBIE
