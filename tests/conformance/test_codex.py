"""Codex CLI, the real one: its doctor, a turn over the WebSocket, and over SSE where upgrades are refused."""

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.conformance.front import Front, front
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
TEXT = "def add(a, b):\n    return a + b\n"
CONFIG = """\
model = "replay"
model_provider = "spark"

[model_providers.spark]
name = "spark"
base_url = "{url}"
wire_api = "responses"
supports_websockets = true
requires_openai_auth = false
env_key = "SPARK_LSP_TOKEN"
"""


async def run(program: Path, token: str, url: str, where: Path, *arguments: str) -> str:
    """Run Codex in a home of its own, and return what it prints."""
    home, work = where / "codex", where / "work"
    for folder in (home, work):
        folder.mkdir(exist_ok=True)
    (home / "config.toml").write_text(CONFIG.format(url=url))
    environment = {"PATH": os.environ["PATH"], "HOME": str(where), "CODEX_HOME": str(home)}
    with anyio.fail_after(DEADLINE):
        done = await anyio.run_process(
            [str(program), *arguments],
            cwd=work,
            env={**environment, "SPARK_LSP_TOKEN": token},
            input=b"",
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def said(printed: str) -> tuple[list[str], dict[str, int]]:
    """Return the agent's messages and the usage of the turn."""
    events = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    (done,) = [event for event in events if event["type"] == "turn.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"], done["usage"]


async def asked(codex: Path, running: Any, door: Front, where: Path) -> tuple[list[str], dict[str, int]]:
    arguments = ("exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only", "say hello")
    return said(await run(codex, running.token, door.url, where, *arguments))


async def test_its_doctor_says_that_the_websocket_is_reachable(
    codex: Path, running: Any, tmp_path: Path
) -> None:
    report = json.loads(await run(codex, running.token, running.http, tmp_path, "doctor", "--json"))
    websocket = report["checks"]["network.websocket_reachability"]
    assert (websocket["status"], websocket["details"]["handshake result"][:8]) == ("ok", "HTTP 101")


async def test_a_turn_over_the_websocket(codex: Path, running: Any, tmp_path: Path) -> None:
    async with front(running.http) as door:
        messages, usage = await asked(codex, running, door, tmp_path)
    assert messages == [TEXT]
    assert usage["input_tokens"] > 1000  # its own instructions have been read
    assert "upgrade /v1/responses" in door.seen
    assert "POST /v1/responses" not in door.seen


async def test_a_turn_over_sse_where_the_upgrade_is_refused(
    codex: Path, running: Any, tmp_path: Path
) -> None:
    async with front(running.http, refuse=True) as door:
        messages, _ = await asked(codex, running, door, tmp_path)
    assert messages == [TEXT]
    assert "POST /v1/responses" in door.seen
