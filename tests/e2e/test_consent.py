"""What only the editor's settings name is not used until the person says yes, once, to the whole of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.privacy.approvals import file_request
from spark_lsp.store.approvals import Approvals
from tests.e2e.conftest import Connect
from tests.patience import PATIENCE

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("replay_config")]


@pytest.fixture
def answer_file(tmp_path: Path) -> Path:
    path = tmp_path / "answer.txt"
    path.write_text("return 'approved'\n")
    return path


def settings(path: Path) -> dict[str, Any]:
    table = {"kind": "replay", "text": str(path), "delay_ms": 1}
    return {"engines": {"mine": table}, "engine": {"routes": {"completion": ["mine", "replay"]}}}


async def test_asked_once_in_full_and_remembered(
    connect: Connect, answer_file: Path, home: dict[str, str]
) -> None:
    client = await connect("code", settings(answer_file), answer="Allow")
    await client.engine("mine")
    [question] = client.asked
    assert f"read the file {answer_file}" in question.message
    assert "'mine'" in question.message
    client.open()
    assert [item.insert_text for item in await client.ghost(1, 4)] == ["return 'approved'"]
    state = Path(home["XDG_STATE_HOME"]) / "spark-lsp"
    assert Approvals(state).all() == [file_request(str(answer_file))]
    again = await connect("code", settings(answer_file))
    await again.engine("mine")
    assert again.asked == []


@pytest.mark.parametrize("answer", ["Not now", None])
async def test_without_a_yes_it_is_not_used(join: Connect, answer_file: Path, answer: str | None) -> None:
    client = await join("code", settings=settings(answer_file), answer=answer)
    await client.engine("replay")
    await client.until(lambda: any("spark-lsp trust" in said.message for said in client.messages))
    client.open()
    assert [item.insert_text for item in await client.ghost(1, 4)] == ["return a + b"]
    assert len(client.asked) == 1
    assert not any("there is no engine" in said.message for said in client.messages)  # there is, and it waits


async def test_an_editor_that_cannot_ask_is_told_the_command(join: Connect, answer_file: Path) -> None:
    client = await join("emacs-30.1_eglot", settings=settings(answer_file))
    said = await client.until(lambda: [m.message for m in client.messages if "spark-lsp trust" in m.message])
    assert f"spark-lsp trust {answer_file}" in said[0]
    assert client.asked == []


async def test_no_byte_goes_to_a_gateway_that_is_not_approved(connect: Connect) -> None:
    called = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/v1/responses"
        client = await connect("code", {"engine": {"url": url}}, answer="Not now")
        await client.until(
            lambda: any("waits for your approval" in status.reason for status in client.statuses)
        )
        client.open()
        assert await client.ghost(1, 4) == []
        assert "approval" in client.statuses[-1].reason
        assert not called.is_set()
        allowed = await connect("code", {"engine": {"url": url}}, answer="Allow")
        await asyncio.wait_for(called.wait(), PATIENCE)
        assert len(allowed.asked) == 1


@pytest.mark.model
async def test_a_model_file_of_ones_own_waits_for_a_yes(connect: Connect, model: Path) -> None:
    table = {"kind": "local", "model": str(model)}
    settings = {"engines": {"own": table}, "engine": {"routes": {"completion": ["own"]}}}
    client = await connect("code", settings, answer="Allow")
    await client.engine("own")
    [question] = client.asked
    assert f"read the file {model}" in question.message
    client.open()
    assert await client.ghost(1, 4)


async def test_an_editor_that_answers_nonsense_has_said_no(join: Connect, answer_file: Path) -> None:
    client = await join("code", settings=settings(answer_file), answer="nonsense")
    await client.engine("replay")
    await client.until(lambda: any("spark-lsp trust" in said.message for said in client.messages))
    client.open()
    assert [item.insert_text for item in await client.ghost(1, 4)] == ["return a + b"]
