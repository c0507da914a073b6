"""Routes through a real gateway: the switch to the next engine, its reason in the status, the way back."""

import json
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
