"""`spark.steer` in an editor reaches the service as `response.steer`, through both of our processes."""

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.conformance.service import Rules, service
from tests.e2e.conftest import TEXT, URI, Connect

pytestmark = pytest.mark.asyncio

CONFIG = """\
[engines.spark]
kind = "responses"
base_url = "{url}"
model = "gpt-5.3-codex-spark"
key_file = "key"
[routes]
completion = ["spark"]
edit = ["spark"]
"""
PLACE = {"start": {"line": 4, "character": 0}, "end": {"line": 5, "character": 16}}


def product(document: str | None, asked: str) -> str:
    factors = "2 * a * b" if "and double it" in asked else "b * a"
    return f"```python\ndef mul(a, b):\n    return {factors}\n```\n"


async def test_a_sentence_from_the_editor_steers_the_response(connect: Connect, tmp_path: Path) -> None:
    (key := tmp_path / "key").write_text("secret")
    key.chmod(0o600)
    async with service(product, Rules(silent=True)) as served:
        (config := tmp_path / "config.toml").write_text(CONFIG.format(url=served.url))
        client = await connect("code-server", SPARK_LSP_CONFIG=str(config))

        async def run(command: str, argument: dict[str, Any]) -> Any:
            return await client.workspace_execute_command_async(
                types.ExecuteCommandParams(command, [argument])
            )

        client.open(TEXT)
        edit = {"uri": URI, "action": "instruct", "instruction": "swap", "range": PLACE}
        started = await run("spark.edit", edit)
        await client.until(lambda: served.seen.asked and served.sessions[0].active)
        served.rules.silent = False
        await run("spark.steer", {"id": started["id"], "instruction": "and double it"})
        await client.until(lambda: client.edits)
        assert client.edits[0].state == "applied", client.edits[0].reason
        assert "2 * " in str(client.applied[0].edit)
        assert (served.seen.steered, len(served.seen.asked)) == (1, 1)
