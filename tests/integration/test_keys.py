"""Keys that are set, changed or removed while the gateway runs: none of it needs a restart of the gateway."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from spark_lsp import runtime
from spark_lsp.client.answers import Suggestion
from spark_lsp.client.connection import SERVE
from spark_lsp.client.editor import Editor, editing
from spark_lsp.config import OpenAISettings, Settings
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.engine.openai.keys import HandedKeys, key_of
from spark_lsp.errors import EngineError
from spark_lsp.lsp.settings_parsing import collect_keys
from spark_lsp.request import Request, Task
from spark_lsp.wire.frames import Configure
from spark_lsp.wire.server_events import SettingsReceived
from tests.integration.http_server import Asked, HttpServer, Reply, http_server

pytestmark = pytest.mark.anyio

VARIABLE = "COMPANY_KEY"
TEXT = "def add(a, b):\n    return "


async def locked(asked: Asked, reply: Reply) -> None:
    if asked.headers.get("authorization") == "Bearer sk-right":
        await reply.say("a + b\n")
    else:
        await reply.whole(401, {"error": {"message": "no"}})


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server(locked) as each:
        yield each


@pytest.fixture
def config(home: dict[str, str], server: HttpServer) -> Path:
    file = Path(home["XDG_CONFIG_HOME"]) / "spark-lsp" / "config.toml"
    file.write_text(
        f'[engines.gpu]\nkind = "openai"\nbase_url = "{server.url}/v1"\nmodel = "m"\n'
        f'context_tokens = 4096\nkey_env = "{VARIABLE}"\n[routes]\ncompletion = ["gpu"]\nedit = ["gpu"]\n'
    )
    return file


async def complete(editor: Editor, folder: Path) -> Suggestion:
    uri = (folder / "a.py").as_uri()
    editor.open(uri, TEXT, "python")
    try:
        return await editor.complete(uri, len(TEXT), 60)
    finally:
        editor.close(uri)


@pytest.mark.usefixtures("config")
@pytest.mark.timeout(300)
async def test_a_key_that_is_set_after_the_gateway_has_started_is_used(
    home: dict[str, str], tmp_path: Path
) -> None:
    where = Path(home["SPARK_LSP_RUNTIME_DIR"])
    async with editing({}, tmp_path, command=list(SERVE), env=home) as without:
        found = await complete(without, tmp_path)
        assert not found.text
        assert VARIABLE in found.reason
        started = runtime.read_state(where)
        async with editing({}, tmp_path, command=list(SERVE), env={**home, VARIABLE: "sk-right"}) as with_key:
            assert (await complete(with_key, tmp_path)).text.strip() == "a + b"
            assert (await complete(without, tmp_path)).text.strip() == "a + b"
        with anyio.fail_after(30):
            while (await complete(without, tmp_path)).text:  # the key has left with its editor
                await anyio.sleep(0.05)
        state = runtime.read_state(where)
    assert started is not None
    assert state is not None
    assert state.pid == started.pid
    assert "sk-right" not in (where / "gateway.log").read_text()


def test_the_latest_editor_goes_before_the_others_and_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A", "own")
    monkeypatch.delenv("B", raising=False)
    handed = HandedKeys()
    handed.take("nobody asks yet", {"A": "x"}, {"A"})
    assert handed.value("A") == "own"
    handed.accept()
    handed.take("old", {"A": "old", "B": "b", "PATH": "secret"}, {"A", "B"})
    handed.take("new", {"A": " new\n", "B": ""}, {"A", "B"})
    assert (handed.value("A"), handed.value("B")) == ("new", "b")
    assert handed.value("PATH") == os.environ["PATH"]  # what no engine names is not taken
    handed.forget("new")
    assert handed.value("A") == "old"
    handed.take("old", {}, {"A"})
    assert (handed.value("A"), handed.value("B")) == ("own", "")


def test_an_editor_hands_over_only_what_engines_name_and_what_is_approved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MINE", "THEIRS", "OTHER"):
        monkeypatch.setenv(name, "sk-1")
    engines = {
        "gpu": OpenAISettings(key_env="MINE"),
        "waits": OpenAISettings(key_env="THEIRS"),
        "unset": OpenAISettings(key_env="NOT_SET_ANYWHERE"),
        "none": OpenAISettings(),
    }
    assert collect_keys(Settings(engines=engines), {"waits"}) == {"MINE": "sk-1"}


def test_keys_are_in_no_representation() -> None:
    assert "sk-1" not in repr(Configure(keys={"A": "sk-1"})) + repr(
        SettingsReceived({}, {}, {}, {"A": "sk-1"})
    )


async def test_a_key_file_is_read_for_each_request(server: HttpServer, tmp_path: Path) -> None:
    file = tmp_path / "key"
    engine = OpenAIEngine(
        "gpu",
        OpenAISettings(base_url=f"{server.url}/v1", model="m", context_tokens=4096, key_file=str(file)),
    )
    request = Request(Task.CHAT, instruction="hi")

    async def ask() -> None:
        async with engine.open(request) as events:
            async for _ in events:
                pass

    with pytest.raises(EngineError, match="cannot be read"):
        await ask()
    file.touch(0o600)
    file.write_text("sk-wrong\n")
    with pytest.raises(EngineError, match="rejected the API key"):
        await ask()
    file.write_text("sk-right\n")
    await ask()
    file.unlink()
    with pytest.raises(EngineError, match="cannot be read"):
        await ask()
    await engine.aclose()


def test_a_key_that_is_nowhere_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(EngineError, match="is not set, neither for the gateway nor for an editor") as caught:
        key_of("gpu", VARIABLE, "")
    assert f"Set {VARIABLE} where you start your editor" in caught.value.remedy
