"""Routes through a real gateway: the switch to the next engine, its reason in the status, the way back."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.integration.gateway.conftest import environment, folder, short, start
from tests.integration.odd_server import MUL_LINES, odd_server

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
    with anyio.fail_after(10):
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
                asked = len(odd.asked)
                assert await answered_by(connection, "c") == "spare"
                assert len(odd.asked) == asked  # it is left alone for a while
                odd.ill = False
                with anyio.fail_after(15):
                    while await answered_by(connection, "d") != "gpu":
                        await anyio.sleep(0.2)
                assert (await told(connection, "spark.status"))["serving"]["edit"] == "gpu"


FENCED = "```python\ndef mul(a, b):\n    return b * a\n```\n"
SOURCE = "def mul(a, b):\n    return a * b\n"


async def spark(config: Path, *arguments: str) -> dict[str, Any]:
    """Run a command through the real language server and a gateway with this configuration."""
    environment = {
        **os.environ,
        "SPARK_LSP_CONFIG": str(config),
        "SPARK_LSP_RUNTIME_DIR": str(config.parent),
        "SPARK_LSP_GATEWAY_IDLE": "2",
    }
    with anyio.fail_after(40):
        command = [sys.executable, "-m", "spark_lsp", *arguments, "--json"]
        done = await anyio.run_process(command, env=environment, check=False)
    assert done.returncode == 0, done.stderr
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
        environment = {**os.environ, "SPARK_LSP_CONFIG": str(config), "SPARK_LSP_RUNTIME_DIR": str(tmp_path)}
        environment["SPARK_LSP_GATEWAY_IDLE"] = "2"
        command = [
            sys.executable,
            "-m",
            "spark_lsp",
            "edit",
            str(file),
            "--range",
            "1:2",
            "--write",
            "--json",
        ]
        with anyio.fail_after(40):
            done = await anyio.run_process(
                [*command, "--instruction", "swap the factors"], env=environment, check=False
            )
    told = json.loads(done.stdout)
    assert (told["state"], told["engine"]) == ("applied", "spare"), done.stderr
    assert file.read_text() == SOURCE.replace("a * b", "b * a")
    assert len(odd.asked) == 1
