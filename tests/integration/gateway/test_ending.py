"""How the gateway ends: by a signal, in mid-answer, and when nobody needs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE


def create(**fields: Any) -> str:
    return json.dumps({"type": "response.create", "input": "hello", **fields})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero(start: Any, short: Path, number: int) -> None:
    with start(short) as started:
        assert started.end(number) == 0


FULL_DISK = """
import sys
from spark_lsp import cli, runtime

def fail(*_):
    raise OSError(28, "No space left on device")

runtime.write_state = fail
sys.exit(cli.main(["gateway", "--automatic"]))
"""


def test_a_gateway_that_cannot_announce_itself_ends(short: Path) -> None:
    environment = {**os.environ, "SPARK_LSP_RUNTIME_DIR": str(short)}
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK],
        env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "OSError" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_signal_in_mid_answer_lets_the_answer_finish(answers: Any, start: Any, short: Path) -> None:
    with start(short) as started:
        async with started.joined(spark=True) as connection:
            await connection.send(create(model="slow", stream_id="a"))
            seen = list[dict[str, Any]]()
            async for event in answers(connection, "a"):
                if not any("delta" in each for each in seen) and "delta" in event:
                    started.process.terminate()
                seen.append(event)
            assert seen[-1]["type"] == "response.completed"
            assert "".join(each.get("delta", "") for each in seen) == "abcd" * 40
        assert started.process.wait(DEADLINE) == 0


async def test_a_signal_is_announced_to_those_who_are_connected(start: Any, short: Path) -> None:
    with start(short) as started:
        async with started.joined(spark=True) as connection:
            assert json.loads(await connection.recv())["type"] == "spark.hello"
            started.process.terminate()
            with anyio.fail_after(DEADLINE):
                assert json.loads(await connection.recv())["type"] == "spark.goaway"
        assert started.process.wait(DEADLINE) == 0


def test_a_signal_in_the_middle_of_an_http_stream_lets_it_finish(start: Any, short: Path) -> None:
    body = {"model": "slow", "input": "x", "stream": True}
    with (
        start(short) as started,
        httpx.stream("POST", f"{started.http}/responses", headers=started.headers, json=body) as reply,
    ):
        lines = reply.iter_lines()
        assert next(lines) == "event: response.created"
        started.process.terminate()
        assert "event: response.completed" in list(lines)
        assert started.process.wait(DEADLINE) == 0


async def test_an_answer_that_never_ends_does_not_keep_it(start: Any, short: Path) -> None:
    with start(short) as started:
        async with started.joined() as connection:
            await connection.send(create(model="stuck", stream_id="a"))
            assert json.loads(await connection.recv())["type"] == "response.created"
            begun = time.monotonic()
            assert started.end() == 0
            assert time.monotonic() - begun > 4.5  # it is waited for, but not for ever


async def test_it_ends_when_nobody_has_been_there_for_a_while(until: Any, start: Any, short: Path) -> None:
    with start(short, "--idle", "0.5") as started:
        async with started.joined():
            await anyio.sleep(1.0)
            assert started.process.poll() is None
        left = time.monotonic()
        until(lambda: started.process.poll() is not None)
        assert time.monotonic() - left > 0.4
        assert started.process.returncode == 0


def test_an_http_answer_counts_as_a_connection(start: Any, short: Path) -> None:
    body = {"model": "slow", "input": "x"}
    with start(short, "--idle", "0.5") as started:
        reply = httpx.post(f"{started.http}/responses", headers=started.headers, json=body)
        assert reply.json()["status"] == "completed"
