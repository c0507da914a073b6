"""How the gateway starts: its ready line, where it listens, and what keeps it from starting."""

import json
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import unix_connect

from spark_lsp import __version__

pytestmark = pytest.mark.anyio


def create(**fields: Any) -> str:
    return json.dumps({"type": "response.create", "input": "hello", **fields})


def test_the_ready_line_is_the_only_one_and_says_all(running: Any, folder: Path) -> None:
    assert running.ready == {
        "event": "ready",
        "url": running.ready["url"],
        "token_file": str(folder / "token"),
        "pid": running.process.pid,
    }
    assert running.ready["url"].startswith("ws://127.0.0.1:")
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600


def test_it_starts_with_a_second_of_work_and_is_small_without_a_model(
    running: Any, start: Any, short: Path
) -> None:
    """The module's gateway has started before, so that the compiled modules are there."""
    with start(short) as started:
        process = psutil.Process(started.process.pid)
        times, size = process.cpu_times(), process.memory_info().rss
    assert size < 120e6
    assert times.user + times.system < 1.5  # a third of a second on a quiet machine


def test_health_tells_the_version(running: Any) -> None:
    reply = httpx.get(running.http.removesuffix("/v1") + "/healthz", headers=running.headers)
    assert reply.status_code == 200
    assert (reply.json()["status"], reply.json()["version"]) == ("ok", __version__)


async def test_a_unix_socket_is_the_user_s_alone_and_goes_with_the_gateway(
    answers: Any, start: Any, short: Path
) -> None:
    path = short / "g.sock"
    with start(short, "--uds", str(path)) as started:
        assert started.ready["url"] == f"ws+unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with unix_connect(
            str(path), "ws://localhost/v1/responses", additional_headers=started.headers
        ) as connection:
            await connection.send(create(model="replay", stream_id="a"))
            assert [event async for event in answers(connection, "a")][-1]["type"] == "response.completed"
        assert started.end() == 0
        assert not path.exists()


def test_a_stale_socket_is_taken_over_and_a_live_one_is_not(fails: Any, start: Any, short: Path) -> None:
    path = short / "g.sock"
    with start(short, "--uds", str(path)) as first:
        first.end(signal.SIGKILL)
    assert path.exists()
    with start(short, "--uds", str(path)) as second:
        third = fails(short, "--uds", str(path))
        assert f"Cannot listen on {path}" in third
        assert second.process.poll() is None
        assert path.exists()


def test_a_port_that_is_taken_is_told(fails: Any, short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = fails(short, "--port", str(taken.getsockname()[1]))
    assert "Address already in use" in said
    assert "Choose another port" in said


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_is_none_is_told(fails: Any, short: Path, port: str) -> None:
    assert "Cannot listen on 127.0.0.1" in fails(short, f"--port={port}")


def test_a_host_that_is_none_is_told(fails: Any, short: Path) -> None:
    assert "Cannot listen on nowhere.invalid:0" in fails(short, "--host", "nowhere.invalid")


def test_a_token_file_that_cannot_be_used_is_told(fails: Any, short: Path) -> None:
    empty, shared = short / "empty", short / "shared"
    empty.touch(0o600)
    shared.write_text("secret")
    shared.chmod(0o644)
    assert "is empty" in fails(short, "--token-file", str(empty))
    assert "chmod 600" in fails(short, "--token-file", str(shared))
    assert "cannot be used" in fails(short, "--token-file", str(short / "no" / "token"))


def test_a_token_from_the_environment_is_used_and_written_nowhere(start: Any, short: Path) -> None:
    with start(short / "run", SPARK_LSP_TOKEN="of-mine") as started:
        assert started.ready["token_file"] is None
        assert httpx.get(f"{started.http}/models", headers=started.headers).status_code == 200
        assert not list((short / "run").glob("*"))


def test_a_token_that_was_made_is_private_and_goes_with_the_gateway(start: Any, short: Path) -> None:
    with start(short) as started:
        token_file = Path(started.ready["token_file"])
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        assert len(started.token) >= 32
        assert started.end() == 0
        assert not token_file.exists()


def test_a_foreground_gateway_leaves_the_state_of_the_automatic_one(start: Any, short: Path) -> None:
    state = short / "gateway.json"
    state.write_text('{"url":"ws+unix:/x","token":"t","pid":1,"version":"1"}')
    with start(short) as started:
        assert started.end() == 0
    assert json.loads(state.read_text())["pid"] == 1


def test_settings_that_are_not_used_are_told_and_it_starts(environment: Any, short: Path) -> None:
    (short / "config.toml").write_text("[engines.odd]\nkind = 'magic'\n[engines.edit]\nkind = 'replay'\n")
    command = [sys.executable, "-m", "spark_lsp", "gateway", "--config", str(short / "config.toml")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(short)
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        process.terminate()
        said = process.stderr.read()
    assert "engines.odd.kind" in said
    assert "engines.edit" in said
    assert process.returncode == 0


def test_a_broken_file_of_settings_starts_nothing(fails: Any, short: Path) -> None:
    (short / "config.toml").write_text("[engines")
    assert "is not valid TOML" in fails(short, config=short / "config.toml")
