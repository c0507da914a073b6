"""Faults 24 and 25 as a person meets them: the gateway is absent, the link breaks, and work goes on."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Client, Connect
from tests.integration.proxy import proxied
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio

TOKEN = "a-token-of-this-test"
GHOST = "first = a + b\nsecond = first * first\nthird = second - a\nreturn third\n"
DOCSTRING = "Add two numbers, and then explain at some length what that means for the two.\n"
CONFIG = """\
[engines.slow]
kind = "replay"
texts = { complete = "complete.txt", edit = "edit.txt" }
tokens_per_s = 12
delay_ms = 300
[routes]
completion = ["slow"]
edit = ["slow"]
"""

Start = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def start(home: dict[str, str], tmp_path: Path) -> Start:
    """`with start(port) as url`: a gateway that takes its time."""
    (tmp_path / "complete.txt").write_text(GHOST)
    (tmp_path / "edit.txt").write_text(DOCSTRING)
    (tmp_path / "slow.toml").write_text(CONFIG)

    @contextmanager
    def started(port: int = 0) -> Iterator[str]:
        command = [sys.executable, "-m", "spark_lsp", "gateway", "--config", str(tmp_path / "slow.toml")]
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**home, "SPARK_LSP_TOKEN": TOKEN},
        )
        assert process.stdout is not None
        with process.stdout:
            try:
                yield json.loads(process.stdout.readline())["url"]
            finally:
                process.kill()
                process.wait(PATIENCE)

    return started


@pytest.fixture
def join(connect: Connect, tmp_path: Path) -> Callable[[str], Any]:
    """Connect an editor whose settings name a gateway."""

    async def joined(url: str) -> Client:
        (tmp_path / "config" / "spark-lsp" / "config.toml").write_text(f'[engine]\nurl = "{url}"\n')
        client = await connect("neovim", SPARK_LSP_TOKEN=TOKEN)
        client.open()
        return client

    return joined


def warnings(client: Client) -> list[str]:
    return [each.message for each in client.messages]


async def test_fault_24_a_gateway_that_is_absent_is_one_message_and_its_coming_is_noticed(
    start: Start, join: Any
) -> None:
    with start() as url:
        port = int(url.split(":")[2].split("/")[0])
    client = await join(url)
    await client.until(lambda: any(status.state == "degraded" for status in client.statuses))
    for _ in range(8):
        assert await client.ghost(1, 4) == []
    assert len(warnings(client)) == 1, warnings(client)
    assert "cannot be reached" in warnings(client)[0]
    with start(port):
        await client.engine("slow")
        assert (await client.ghost(1, 4))[0].insert_text
    assert len(warnings(client)) == 1, warnings(client)


async def test_fault_25_a_reset_in_mid_edit_starts_it_again_and_it_is_applied_once(
    start: Start, join: Any
) -> None:
    with start() as url:
        async with proxied(url) as proxy:
            client = await join(proxy.url)
            await client.engine("slow")
            await begin(client)
            await client.until(lambda: b"output_text.delta" in proxy.downward)
            proxy.reset()
            await client.until(lambda: client.edits)
            assert client.edits[0].state == "applied", client.edits
            assert len(client.applied) == 1
            assert " ".join(inserted(client).split()).count(DOCSTRING.strip()) == 1
            assert warnings(client) == []


async def begin(client: Client) -> None:
    found = await client.actions(4)
    action = next(each for title, each in found.items() if "ocument" in title)
    await client.run(action)


def inserted(client: Client) -> str:
    changes = client.applied[0].edit.document_changes or []
    return "".join(edit.new_text for each in changes for edit in each.edits)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "deltas", [0, 2, 4], ids=["before its text", "in its first line", "after a whole line"]
)
async def test_fault_25_a_completion_that_is_cut_is_asked_again_or_its_whole_lines_are_good(
    deltas: int, start: Start, join: Any
) -> None:
    with start() as url:
        async with proxied(url) as proxy:
            client = await join(proxy.url)
            await client.engine("slow")
            asked = asyncio.ensure_future(client.ghost(1, 4))
            await client.until(lambda: b"response.created" in proxy.downward)
            await client.until(lambda: proxy.downward.count(b"output_text.delta") >= deltas)
            proxy.reset()
            text = (await asked)[0].insert_text
            assert isinstance(text, str)
            assert text.startswith(GHOST.splitlines()[0])
            assert GHOST.startswith(text)  # nothing twice, nothing left out
            await client.until(lambda: client.statuses[-1].state == "ready")
            assert warnings(client) == []
