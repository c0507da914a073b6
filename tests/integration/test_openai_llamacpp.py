"""The genuine llama.cpp server, with the real model, as an engine over OpenAI's HTTP interface."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.config import OpenAISettings
from spark_lsp.engine.local import child as local_child
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.errors import EngineError
from spark_lsp.models import paths, registry
from spark_lsp.request import EditFormat, Part, PartKind, Request, Task
from tests.integration.test_local import _what_is_missing
from tests.patience import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.model]

KEY = "llama-test-key"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start it, and return its base URL."""
    missing = _what_is_missing()
    if missing and not os.environ.get("SPARK_LSP_REQUIRE_MODEL"):
        pytest.skip(missing)
    assert not missing, missing
    command = [sys.executable, "-P", str(Path(local_child.__file__)), "--listen", "127.0.0.1"]
    command += ["--model", str(paths.file_of(registry.find("auto")))]
    command += ["--home", str(tmp_path_factory.mktemp("llama"))]
    environment = {**os.environ, local_child.KEY_VARIABLE: KEY, "OMP_WAIT_POLICY": "PASSIVE"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready", ready
        yield ready["address"].rstrip("/") + "/v1"
        process.stdin.close()
        process.wait(PATIENCE)


def engine(url: str, key: Path) -> OpenAIEngine:
    settings = OpenAISettings(
        base_url=url,
        flavour="llamacpp",
        fim="qwen",
        key_file=str(key),
        first_token_s=90.0,
        next_token_s=60.0,
    )
    return OpenAIEngine("gpu", settings)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (file := tmp_path / "key").write_text(KEY)
    file.chmod(0o600)
    return file


async def answer(gpu: OpenAIEngine, request: Request) -> list[Event]:
    async with gpu.open(request) as events:
        return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


async def test_a_completion_and_an_edit(server: str, key: Path) -> None:
    gpu = engine(server, key)
    before = "def add(a, b):\n    return a + b\n\n\ndef mul(a, b):\n    return"
    parts = (Part(PartKind.PREFIX, before), Part(PartKind.SUFFIX, "\n"))
    events = await answer(gpu, Request(Task.COMPLETE, parts, language="python", max_lines=1))
    assert text_of(events).strip() == "a * b"
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.timing.ttft_ms > 0
    target = (Part(PartKind.TARGET, "def mul(a, b):\n    return a * b\n"),)
    events = await answer(gpu, Request(Task.EDIT, target, "rename mul to times", language="python"))
    assert isinstance(events[0], Started)
    assert events[0].format is EditFormat.FENCED
    assert "def times(a, b)" in text_of(events)
    assert gpu.info.context_tokens > 1000
    await gpu.aclose()


async def test_a_word_that_is_being_typed_is_finished_in_the_document_s_slot(server: str, key: Path) -> None:
    gpu = engine(server, key)
    before = "def add(first, second):\n    return first + second\n\n\ndef sub(first, second):\n    return fir"
    parts = (Part(PartKind.PREFIX, before), Part(PartKind.SUFFIX, "\n"))
    request = Request(Task.COMPLETE, parts, language="python", max_lines=1, origin="file:///a.py")
    assert text_of(await answer(gpu, request)).strip() == "st - second"
    events = await answer(gpu, request)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage.cached_tokens > 20  # it went to the slot that has just read it
    assert [each.slots for each in gpu._servers] == [4]
    await gpu.aclose()


async def test_leaving_in_mid_answer_frees_it_for_the_next(server: str, key: Path) -> None:
    gpu = engine(server, key)
    target = (Part(PartKind.TARGET, "".join(f"line_{number} = {number}\n" for number in range(60))),)
    async with gpu.open(Request(Task.EDIT, target, "double each number", language="python")) as events:
        async for event in events:
            if isinstance(event, Chunk):
                break
    with anyio.fail_after(PATIENCE):
        assert text_of(await answer(gpu, Request(Task.CHAT, (), "Say yes.", max_tokens=4)))
    await gpu.aclose()


async def test_a_wrong_key_is_told(server: str, tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text("wrong")
    file.chmod(0o600)
    gpu = engine(server, file)
    with pytest.raises(EngineError, match="rejected the API key"):
        await answer(gpu, Request(Task.CHAT, (), "Say yes."))
    await gpu.aclose()


async def test_its_confidence_comes_with_the_text_if_it_is_wanted(server: str, key: Path) -> None:
    gpu = engine(server, key)
    before = "def add(a, b):\n    return a + b\n\n\ndef mul(a, b):\n    return"
    parts = (Part(PartKind.PREFIX, before), Part(PartKind.SUFFIX, "\n"))
    for scored in (True, False):
        request = Request(Task.COMPLETE, parts, language="python", max_lines=1, scored=scored)
        told = [event.confidence for event in await answer(gpu, request) if isinstance(event, Chunk)]
        if scored:
            assert told[-1] is not None
            assert 0.5 < told[-1] <= 1
        else:
            assert set(told) == {None}
