"""Codex CLI as one process that lives through a conversation, driven as its own desktop programs drive it."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.patience import PATIENCE

DEADLINE = PATIENCE
LINE = 1 << 24
CONFIG = """\
model_provider = "spark"

[model_providers.spark]
name = "spark"
base_url = "{url}"
wire_api = "responses"
supports_websockets = true
requires_openai_auth = false
env_key = "SPARK_LSP_TOKEN"
"""


@dataclass
class Conversation:
    """A thread of Codex; `heard` keeps its notifications."""

    process: Process
    thread: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _count: int = 0

    def __post_init__(self) -> None:
        assert self.process.stdout is not None
        self._lines = BufferedByteReceiveStream(self.process.stdout)

    async def ask(self, method: str, **params: Any) -> Any:
        """Send a request; what comes before its answer is kept."""
        self._count += 1
        number = self._count
        await self.tell(id=number, method=method, params=params)
        while (message := await self._next()).get("id") != number:
            pass
        assert "error" not in message, message
        return message["result"]

    async def tell(self, **message: Any) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send(json.dumps(message).encode() + b"\n")

    async def _next(self) -> dict[str, Any]:
        message = json.loads(await self._lines.receive_until(b"\n", LINE))
        if "method" in message:
            self.heard.append(message)
        return message

    async def begin(self, text: str) -> str:
        """Begin a turn; returns its id."""
        given = [{"type": "text", "text": text}]
        return (await self.ask("turn/start", threadId=self.thread, input=given))["turn"]["id"]

    async def until(self, method: str, turn: str) -> dict[str, Any]:
        """Wait for a notification of a turn, and return its parameters."""
        with anyio.fail_after(DEADLINE):
            while True:
                for each in self.heard:
                    params = each.get("params") or {}
                    if each["method"] == method and turn in (params.get("turnId"), _id_of(params)):
                        return params
                await self._next()

    async def end(self, turn: str) -> tuple[str, list[str]]:
        """Wait for the end of a turn; returns its status and the agent's messages."""
        ended = (await self.until("turn/completed", turn))["turn"]
        return ended["status"], [each["text"] for each in ended["items"] if each["type"] == "agentMessage"]

    async def turn(self, text: str) -> tuple[str, list[str]]:
        """Have a whole turn."""
        return await self.end(await self.begin(text))

    def said(self, method: str) -> list[dict[str, Any]]:
        return [each["params"] for each in self.heard if each["method"] == method]


def _id_of(params: dict[str, Any]) -> str | None:
    return (params.get("turn") or {}).get("id")


@asynccontextmanager
async def conversation(
    program: Path, token: str, url: str, where: Path, model: str
) -> AsyncIterator[Conversation]:
    """Start Codex in a home of its own, with a thread that asks `model`."""
    home, work = where / "codex", where / "work"
    for folder in (home, work):
        folder.mkdir(exist_ok=True)
    (home / "config.toml").write_text(CONFIG.format(url=url))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(where),
        "CODEX_HOME": str(home),
        "SPARK_LSP_TOKEN": token,
    }
    with (where / "codex.log").open("wb") as log:
        process = await anyio.open_process(
            [str(program), "app-server"], stderr=log, cwd=work, env=environment
        )
    async with process:
        codex = Conversation(process)
        try:
            with anyio.fail_after(DEADLINE):
                await codex.ask("initialize", clientInfo={"name": "test", "title": "test", "version": "1"})
                await codex.tell(method="initialized")
                begun = await codex.ask("thread/start", cwd=str(work), model=model)
            codex.thread = begun["thread"]["id"]
            yield codex
        finally:
            await _leave(process)


async def _leave(process: Process) -> None:
    """Have Codex and its children end by themselves."""
    assert process.stdin is not None
    with anyio.CancelScope(shield=True):
        await process.stdin.aclose()
        with anyio.move_on_after(5):
            await process.wait()
            return
        process.kill()
