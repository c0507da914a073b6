"""The genuine vLLM, on the processor, as an engine over OpenAI's HTTP interface: an optional job.

It takes 3 GB of disk and two minutes, so `make vllm` runs it and nothing else does. The model is one of our
own making: two layers of random weights and a tokenizer trained on this file. What it says means nothing; how
the server says it, stops, counts and refuses is what is looked at.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import anyio
import httpx
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished
from spark_lsp.config import OpenAISettings
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.errors import EngineError
from spark_lsp.request import Part, PartKind, Request, Task

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

KEY = "vllm-test-key"
CONTEXT = 4096
MODEL = Path(__file__).with_name("tiny_model.py")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start it, and return its base URL."""
    home = os.environ.get("SPARK_LSP_VLLM")
    if not home:
        pytest.skip("vLLM is an optional job: make vllm")
    python, folder = Path(home) / "bin" / "python", tmp_path_factory.mktemp("vllm")
    made = [python, MODEL, folder / "model", __file__, str(CONTEXT)]
    subprocess.run(made, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model", str(folder / "model"), "--served-model-name", "tiny", "--load-format", "dummy"]
    command += ["--dtype", "float32", "--api-key", KEY, "--max-model-len", str(CONTEXT), "--enforce-eager"]
    environment = {
        **os.environ,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            _up(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(30)


def _up(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 240
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"vLLM did not come up: {log.read_text('utf-8', 'replace')[-3000:]}")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (file := tmp_path / "key").write_text(KEY)
    file.chmod(0o600)
    return file


def engine(url: str, key: Path, fim: Literal["qwen", "none"] = "qwen") -> OpenAIEngine:
    settings = OpenAISettings(base_url=url, flavour="vllm", fim=fim, key_file=str(key), first_token_s=60.0)
    return OpenAIEngine("gpu", settings)


async def answer(gpu: OpenAIEngine, request: Request) -> list[Event]:
    async with gpu.open(request) as events:
        return [event async for event in events]


def chat(tokens: int, text: str = "Count.") -> Request:
    return Request(Task.CHAT, (), text, max_tokens=tokens)


async def test_it_is_found_out_streamed_and_counted(server: str, key: Path) -> None:
    gpu = engine(server, key)
    events = await answer(gpu, chat(32))
    assert sum(isinstance(event, Chunk) for event in events) > 4
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.usage.output_tokens, finished.reason) == (32, "length")
    assert finished.usage.input_tokens > 5
    assert finished.timing.ttft_ms > 0
    assert (gpu.info.model, gpu.info.context_tokens) == ("tiny", CONTEXT)
    await gpu.aclose()


async def test_holes_are_filled_by_a_prompt_of_ours(server: str, key: Path) -> None:
    """Its own `suffix` is refused with 400, so the prompt has to be ours."""
    headers = {"Authorization": f"Bearer {KEY}"}
    asked = {"model": "tiny", "prompt": "a", "suffix": "b", "max_tokens": 1}
    async with httpx.AsyncClient(headers=headers) as client:
        assert (await client.post(f"{server}/completions", json=asked)).status_code == 400
    gpu = engine(server, key)
    parts = (Part(PartKind.PREFIX, "def add(a, b):\n    "), Part(PartKind.SUFFIX, "\n"))
    request = Request(Task.COMPLETE, parts, language="python", max_tokens=16, scored=True)
    events = await answer(gpu, request)
    assert isinstance(events[-1], Finished)
    assert all(event.confidence is not None for event in events if isinstance(event, Chunk))
    await gpu.aclose()


async def test_what_nobody_reads_is_stopped_there(server: str, key: Path) -> None:
    gpu = engine(server, key)
    async with gpu.open(chat(3000)) as events:
        async for event in events:
            if isinstance(event, Chunk):
                break
    with anyio.fail_after(20):
        while await _running(server):
            await anyio.sleep(0.05)
    assert await answer(gpu, chat(2))
    await gpu.aclose()


async def _running(server: str) -> float:
    """How many requests it works at, as its own metrics say."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(server.removesuffix("/v1") + "/metrics")).text
    lines = [line for line in page.splitlines() if line.startswith("vllm:num_requests_running")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def test_what_it_cannot_read_is_refused_before_it_is_sent(server: str, key: Path) -> None:
    gpu = engine(server, key)
    await answer(gpu, chat(2))  # now its context is known
    with pytest.raises(EngineError, match="context"):
        await answer(gpu, chat(8, "word " * 9000))
    await gpu.aclose()


async def test_a_wrong_key_is_told(server: str, tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text(json.dumps("wrong"))
    file.chmod(0o600)
    gpu = engine(server, file)
    with pytest.raises(EngineError, match="rejected the API key"):
        await answer(gpu, chat(2))
    await gpu.aclose()
