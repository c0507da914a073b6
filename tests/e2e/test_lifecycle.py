"""From initialize to exit, as every recorded editor does it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient

Encoding = types.PositionEncodingKind
ENCODINGS = {"code-server": "utf-16", "neovim": "utf-8", "helix": "utf-8", "emacs-30.1_eglot": "utf-32"}
pytestmark = pytest.mark.asyncio


async def test_what_is_offered_depends_on_the_editor(join: Any, editor_name: str) -> None:
    client = await join(editor_name)
    offered = client.result.capabilities
    text_document = client.capabilities.text_document
    assert offered.inline_completion_provider is not None  # some editors use it without saying so
    assert (offered.completion_provider is None) == (text_document.inline_completion is not None)
    assert list(offered.execute_command_provider.commands) == [
        "spark.edit",
        "spark.editAgain",
        "spark.steer",
        "spark.undoEdit",
        "spark.instructions",
        "spark.cancel",
        "spark.applyEdit",
        "spark.discardEdit",
        "spark.accept",
        "spark.reject",
        "spark.explain",
        "spark.cursor",
        "spark.selectEngine",
        "spark.status",
    ]
    assert offered.text_document_sync.change is types.TextDocumentSyncKind.Incremental
    for name, encoding in ENCODINGS.items():
        if editor_name.startswith(name):
            assert offered.position_encoding == encoding


async def test_a_document_may_be_opened_before_the_editor_is_ready_and_again(
    join: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Helix does so at times: its opening of the file overtakes its own `initialized`."""
    real = LanguageClient.initialized

    def late(client: Any, params: types.InitializedParams) -> None:
        client.open(version=0)
        real(client, params)
        client.open(version=0)

    monkeypatch.setattr(LanguageClient, "initialized", late)
    client = await join("helix", settings=None)
    await client.engine()
    assert (await client.ghost(1, 4))[0].insert_text == "return a + b"
    client.change(1, "re", 1, 4, 1, 4)
    assert (await client.ghost(1, 6))[0].insert_text == "turn a + b"


async def test_the_menu_can_be_had_always(join: Any) -> None:
    client = await join("code-server", options={"spark": {"completion": {"menu": "always"}}})
    assert client.result.capabilities.completion_provider is not None


async def test_settings_are_asked_for_and_bad_ones_named_once(join: Any, editor_name: str) -> None:
    client = await join(editor_name, settings={"completion": {"maxLines": "many", "delayMs": 1}})
    await client.until(lambda: client.messages)
    await client.engine()
    assert [m.message for m in client.messages if "maxLines" in m.message]
    assert len([m for m in client.messages if "maxLines" in m.message]) == 1


async def test_settings_that_are_pushed_count_at_once(join: Any, editor_name: str) -> None:
    client = await join(editor_name)
    client.open()
    assert await client.ghost(1, 4)
    switch(client, False)
    client.change(2, "x", 0, 0, 0, 0)
    assert await client.ghost(1, 4) == []
    await client.until(lambda: "switched off" in client.statuses[-1].reason)
    switch(client, True)
    assert await client.ghost(1, 4)


def switch(client: Any, enabled: bool) -> None:
    """Push the setting that switches ghost text on or off."""
    push = types.DidChangeConfigurationParams({"spark": {"completion": {"enabled": enabled}}})
    client.workspace_did_change_configuration(push)


async def test_the_status_says_who_serves(join: Any) -> None:
    client = await join("helix")
    answer = await client.workspace_execute_command_async(types.ExecuteCommandParams("spark.status"))
    assert (answer["engine"], answer["simulated"]) == ("replay", False)


async def test_editor_routes_are_used(join: Any) -> None:
    client = await join("neovim", settings={"engine": {"routes": {"completion": ["nobody", "replay"]}}})
    await client.until(lambda: any("nobody" in m.message for m in client.messages))
    client.open()
    assert await client.ghost(1, 4)


async def test_without_a_model_the_person_is_told_once_what_to_do(connect: Any, tmp_path: Any) -> None:
    client = await connect("neovim", SPARK_LSP_MODELS=str(tmp_path / "none"))
    client.open()
    assert await client.ghost(1, 4) == []
    await client.until(lambda: any("spark-lsp model pull" in m.message for m in client.messages))
    assert await client.ghost(1, 4) == []
    told = [m.message for m in client.messages if "spark-lsp model pull" in m.message]
    assert len(told) == 1
    assert "spark-lsp model pull" in client.statuses[-1].reason
    assert not (tmp_path / "none").exists()  # nothing is fetched unasked


async def test_one_connection_however_many_documents_and_requests(
    connect: Any, replay_config: Any, home: dict[str, str]
) -> None:
    client = await connect("code-server")
    await client.engine()
    uris = [f"file:///tmp/sums_{number}.py" for number in range(12)]
    for uri in uris:
        client.open(uri=uri)
    answers = await asyncio.gather(*(client.ghost(1, 4, uri=uri) for uri in uris))
    assert all(items[0].insert_text == "return a + b" for items in answers)
    assert health(Path(home["SPARK_LSP_RUNTIME_DIR"]))["sessions"] == 1


def health(runtime: Path) -> dict[str, Any]:
    """Ask the user's gateway how it is."""
    state = json.loads((runtime / "gateway.json").read_text("utf-8"))
    transport = httpx.HTTPTransport(uds=state["url"].removeprefix("ws+unix:"))
    with httpx.Client(transport=transport, headers={"Authorization": f"Bearer {state['token']}"}) as http:
        return http.get("http://gateway/healthz").json()
