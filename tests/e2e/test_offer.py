"""No model on the machine: the editor offers it with size and licence, and follows the fetch."""

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from tests.e2e.conftest import Client, Connect

pytestmark = pytest.mark.asyncio
SETTINGS = {
    "engines": {"light": {"kind": "local", "model": "smollm2-135m"}},
    "engine": {"routes": {"completion": ["light"], "edit": ["light"]}},
}


@pytest.fixture
def models(tmp_path: Path) -> str:
    return str(tmp_path / "models")


def offers(client: Client) -> list[str]:
    return [question.message for question in client.asked]


async def test_offered_once_with_size_and_licence(connect: Connect, models: str) -> None:
    client = await connect("code", SETTINGS, answer="Not now", SPARK_LSP_MODELS=models)
    await client.until(lambda: any("model pull smollm2-135m" in said.message for said in client.messages))
    [offer] = offers(client)
    assert "98 MB" in offer
    assert "Apache-2.0" in offer
    assert models in offer
    client.open()
    assert await client.ghost(1, 4) == []
    assert "not on this machine" in client.statuses[-1].reason
    assert len(offers(client)) == 1
    assert not Path(models).exists()


async def test_an_editor_that_cannot_ask_is_told_the_command(connect: Connect, models: str) -> None:
    client = await connect("emacs-30.1_eglot", SETTINGS, SPARK_LSP_MODELS=models)
    await client.until(lambda: any("model pull smollm2-135m" in said.message for said in client.messages))
    assert offers(client) == []


@pytest.mark.model  # it fetches and loads one, though not the usual one
async def test_a_yes_fetches_it_and_it_answers(connect: Connect, models: str) -> None:
    client = await connect("code", SETTINGS, answer="Fetch it", SPARK_LSP_MODELS=models)
    await client.until(lambda: any("is here and verified" in said.message for said in client.messages))
    [reports] = [each for each in client.progress_reports.values() if each[0].title.startswith("Fetching")]
    percents = [each.percentage for each in reports if isinstance(each, types.WorkDoneProgressReport)]
    assert percents
    assert percents == sorted(percents)
    await client.until(lambda: client.statuses[-1].state != "off")
    client.open()
    await client.ghost(1, 4)
    await client.until(lambda: client.statuses[-1].state == "ready")


async def test_the_progress_stops_it_and_what_came_is_kept(connect: Connect, models: str) -> None:
    name, size = "qwen2.5-coder-0.5b", 491_400_064
    settings = {
        "engines": {"light": {"kind": "local", "model": name}},
        "engine": {"routes": {"completion": ["light"], "edit": ["light"]}},
    }

    async def send_a_part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer with the first 3 MB, then wait until the other side leaves: a fetch that never ends."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(3 << 20))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(send_a_part, "127.0.0.1")
    async with server:
        hub = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = await connect("code", settings, answer="Fetch it", SPARK_LSP_MODELS=models, HF_ENDPOINT=hub)
        await client.until(lambda: any(part.stat().st_size for part in Path(models).glob("*.part")))
        [token] = client.progress_reports
        client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        await client.until(lambda: any("stopped" in said.message for said in client.messages))
    [part] = Path(models).glob("*.part")
    assert part.stat().st_size > 0
