"""Routes through a real gateway: the switch to the next engine, its reason in the status, the way back."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from anyio.abc import TaskGroup

from tests.integration.gateway.conftest import environment, folder, short, start
from tests.integration.odd_server import MUL_LINES, odd_server
from tests.patience import PATIENCE

__all__ = ["environment", "folder", "short", "start"]

pytestmark = pytest.mark.anyio

CONFIG = """\
[engines.gpu]
kind = "openai"
base_url = "{url}"
model = "m"
context_tokens = 32000
first_token_s = 1
next_token_s = 1
[engines.spare]
kind = "replay"
text = "spare.txt"
tokens_per_s = 0
delay_ms = 0
[routes]
completion = ["gpu", "spare"]
edit = ["gpu", "spare"]
"""


async def told(connection: Any, *kinds: str) -> dict[str, Any]:
    with anyio.fail_after(PATIENCE):
        while True:
            event = json.loads(await connection.recv())
            if event["type"] in kinds:
                return event


async def answered_by(connection: Any, lane: str) -> str:
    spark = {"task": "edit", "instruction": "swap", "parts": [{"kind": "target", "text": "x"}]}
    await connection.send(
        json.dumps({"type": "response.create", "stream_id": lane, "model": "edit", "spark": spark})
    )
    created = await told(connection, "response.created")
    await told(connection, "response.completed")
    return created["response"]["spark"]["engine"]


async def test_a_gateway_switches_says_why_and_goes_back(start: Any, short: Path) -> None:
    (short / "spare.txt").write_text(MUL_LINES)
    async with odd_server() as odd:
        config = short / "config.toml"
        config.write_text(CONFIG.format(url=odd.url("ill")))
        with start(short, "--config", str(config)) as started:
            async with started.joined(spark=True) as connection:
                hello = await told(connection, "spark.hello")
                assert hello["serving"]["edit"] == "gpu"
                odd.ill = True
                for lane in ("a", "b"):
                    assert await answered_by(connection, lane) == "spare"
                status = await told(connection, "spark.status")
                assert status["serving"]["edit"] == "spare"
                (gpu,) = [engine for engine in status["engines"] if engine["name"] == "gpu"]
                assert gpu["state"] == "degraded"
                assert "status 500" in gpu["reason"]
                (spare,) = [engine for engine in status["engines"] if engine["name"] == "spare"]
                assert spare["state"] == "degraded"
                assert spare["reason"].startswith("gpu: Engine 'gpu' failed (status 500)")
                assert spare["reason"].endswith("; spare answers instead")
                asked = len(odd.asked)
                assert await answered_by(connection, "c") == "spare"
                assert len(odd.asked) == asked  # it is left alone for a while
                odd.ill = False
                with anyio.fail_after(PATIENCE):
                    while await answered_by(connection, "d") != "gpu":
                        await anyio.sleep(0.2)
                status = await told(connection, "spark.status")
                assert status["serving"]["edit"] == "gpu"
                assert {engine["state"] for engine in status["engines"] if engine["name"] != "local"} == {
                    "ready"
                }


FENCED = "```python\ndef mul(a, b):\n    return b * a\n```\n"
SOURCE = "def mul(a, b):\n    return a * b\n"


SWAP = ("edit", "--range", "1:2", "--write", "--instruction", "swap the factors")


async def spark(config: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run a command through the real language server and a gateway with this configuration."""
    environment = {
        **os.environ,
        "SPARK_LSP_CONFIG": str(config),
        "SPARK_LSP_RUNTIME_DIR": str(config.parent),
        "SPARK_LSP_GATEWAY_IDLE": "2",
    }
    with anyio.fail_after(PATIENCE):
        command = [sys.executable, "-m", "spark_lsp", *arguments, "--json"]
        done = await anyio.run_process(command, env=environment, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("500", "spare()"),
        ("html", "spare()"),
        ("silent", "spare()"),
        ("after", "def mul(a, b):"),
        ("cut", "def mul(a, b):"),
        ("slow", "def mul(a, b):"),
        ("good", "def mul(a, b):\n    return b * a"),
    ],
)
async def test_fault_36_a_completion_falls_over_unseen_or_keeps_its_whole_lines(
    tmp_path: Path, kind: str, text: str
) -> None:
    (tmp_path / "spare.txt").write_text("spare()")
    (file := tmp_path / "sums.py").write_text("import math\n\n\n")
    async with odd_server() as odd:
        config = tmp_path / "config.toml"
        config.write_text(CONFIG.format(url=odd.url(kind)))
        told = await spark(config, "complete", f"{file}:4:1")
    assert told["text"].rstrip("\n") == text
    assert told["engine"] == ("gpu" if kind == "good" else "spare")  # who is asked from now on


@pytest.mark.parametrize("kind", ["after", "cut", "slow"])
async def test_fault_36_an_edit_that_breaks_off_starts_again_on_the_next_engine_and_lands_once(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "spare.txt").write_text(FENCED)
    (file := tmp_path / "sums.py").write_text(SOURCE)
    async with odd_server() as odd:
        config = tmp_path / "config.toml"
        config.write_text(CONFIG.format(url=odd.url(kind)))
        told = await spark(config, *SWAP, str(file))
    assert (told["state"], told["engine"]) == ("applied", "spare")
    assert file.read_text() == SOURCE.replace("a * b", "b * a")
    assert len(odd.asked) == 1


async def test_fault_36_an_edit_that_never_ends_is_ended_and_refused(tmp_path: Path) -> None:
    (tmp_path / "spare.txt").write_text(FENCED)
    (file := tmp_path / "sums.py").write_text(SOURCE)
    async with odd_server() as odd:
        (config := tmp_path / "config.toml").write_text(CONFIG.format(url=odd.url("endless")))
        told = await spark(config, *SWAP, str(file), code=3)
        assert told["state"] == "refused"
        with anyio.fail_after(PATIENCE):
            while odd.open:
                await anyio.sleep(0.01)
        assert len(odd.asked) == 1
    assert file.read_text() == SOURCE


LOCAL_FIRST = """\
[engines.spare]
kind = "replay"
text = "spare.txt"
tokens_per_s = 0
delay_ms = 0
[routes]
completion = ["local", "spare"]
edit = ["local", "spare"]
"""


def models_of(runtime: Path) -> Iterator[psutil.Process]:
    """The processes that hold a model for the gateway of this runtime directory."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(word.endswith(str(Path("engine", "local", "child.py"))) for word in process.cmdline()):
                gateway = process.parent()
                if gateway and gateway.environ().get("SPARK_LSP_RUNTIME_DIR") == str(runtime):
                    yield process


@pytest.mark.model
async def test_fault_37_an_edit_whose_model_is_killed_lands_from_the_next_engine(
    tmp_path: Path, model: Path
) -> None:
    (tmp_path / "spare.txt").write_text(FENCED)
    (file := tmp_path / "sums.py").write_text(SOURCE)
    (config := tmp_path / "config.toml").write_text(LOCAL_FIRST)
    killed, told = set[int](), dict[str, Any]()

    async def edit(group: TaskGroup) -> None:
        told.update(await spark(config, *SWAP, str(file)))
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(edit, group)
        while True:
            for process in models_of(tmp_path):
                with suppress(psutil.Error):
                    process.kill()
                    killed.add(process.pid)
            await anyio.sleep(0.02)
    assert killed
    assert (told["state"], told["engine"]) == ("applied", "spare")
    assert file.read_text() == SOURCE.replace("a * b", "b * a")
