"""The gateway as a process, over real sockets: who may come in, what it answers, how it ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import openai
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from spark_lsp import __version__

pytestmark = pytest.mark.anyio

DEADLINE = 10.0
TEXT = "def add(a, b):\n    return a + b\n"
CONFIG = """\
[engines.replay]
kind = "replay"
text = "answer.txt"
tokens_per_s = 0
delay_ms = 0
[engines.slow]
kind = "replay"
text = "long.txt"
tokens_per_s = 100
delay_ms = 0
[engines.stuck]
kind = "replay"
text = "answer.txt"
delay_ms = 600000
[engines.broken]
kind = "replay"
text = "missing.txt"
[routes]
completion = ["broken", "replay"]
edit = ["replay"]
"""


@dataclass(frozen=True)
class Running:
    """A gateway's process, and how it is reached."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    token: str

    @property
    def http(self) -> str:
        return self.ready["url"].replace("ws://", "http://").removesuffix("/responses")

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("gateway")
    (where / "answer.txt").write_text(TEXT)
    (where / "long.txt").write_text("abcd" * 40)
    (where / "config.toml").write_text(CONFIG)
    return where


def environment(runtime: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    root = str(Path(__file__).parents[2])
    return {
        **kept,
        "PYTHONPATH": root,
        "PYTHONWARNINGS": "error",
        "SPARK_LSP_RUNTIME_DIR": str(runtime),
        **more,
    }


@contextmanager
def gateway(folder: Path, runtime: Path, *arguments: str, **more: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "spark_lsp", "gateway", "--config", str(folder / "config.toml")]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, text=True, env=environment(runtime, **more)
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        token_file = ready["token_file"]
        token = Path(token_file).read_text() if token_file else more["SPARK_LSP_TOKEN"]
        yield Running(process, ready, token)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(DEADLINE)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    """One gateway for all tests that leave it as it was."""
    with gateway(folder, folder / "run", "--token-file", str(folder / "token")) as started:
        yield started


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place whose path is short enough for a Unix socket."""
    return tmp_path_factory.mktemp("s")


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def refused(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


@asynccontextmanager
async def joined(running: Running, *, spark: bool = False, **more: Any) -> AsyncIterator[ClientConnection]:
    offered = [Subprotocol("spark.v1")] if spark else None
    async with connect(
        running.ready["url"],
        additional_headers={**running.headers, **more},
        subprotocols=offered,
        compression=None,
        proxy=None,
    ) as connection:
        yield connection


async def events(connection: ClientConnection, lane: str) -> AsyncIterator[dict[str, Any]]:
    ends = {"response.completed", "response.incomplete", "response.failed", "error"}
    with anyio.fail_after(DEADLINE):
        async for message in connection:
            event = json.loads(message)
            if event.get("stream_id") == lane:
                yield event
            if event.get("stream_id") == lane and event["type"] in ends:
                return


def create(**fields: Any) -> str:
    return json.dumps({"type": "response.create", "input": "hello", **fields})


def sessions(running: Running) -> int:
    return httpx.get(running.http.removesuffix("/v1") + "/healthz", headers=running.headers).json()[
        "sessions"
    ]


# What it says when it starts.


def test_the_ready_line_is_the_only_one_and_says_all(running: Running, folder: Path) -> None:
    assert running.ready == {
        "event": "ready",
        "url": running.ready["url"],
        "token_file": str(folder / "token"),
        "pid": running.process.pid,
    }
    assert running.ready["url"].startswith("ws://127.0.0.1:")
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600


def test_it_starts_in_a_second_and_is_small_without_a_model(folder: Path, short: Path) -> None:
    took = list[float]()
    for _ in range(2):
        begun = time.monotonic()
        with gateway(folder, short) as started:
            took.append(time.monotonic() - begun)
            size = psutil.Process(started.process.pid).memory_info().rss
    assert size < 120e6
    assert min(took) < 1.5  # a third of a second on a quiet machine


def test_health_tells_the_version(running: Running) -> None:
    reply = httpx.get(running.http.removesuffix("/v1") + "/healthz", headers=running.headers)
    assert reply.status_code == 200
    assert (reply.json()["status"], reply.json()["version"]) == ("ok", __version__)


# Who may come in.


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/v1/responses"])
@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer {token}x", "Bearer wrong", "Basic {token}", "{token}", "Bearer ü"]
)
def test_without_the_token_nothing_is_said(running: Running, path: str, given: str) -> None:
    url = running.http.removesuffix("/v1") + path
    headers = {"Authorization": given.format(token=running.token).encode()} if given else {}
    reply = httpx.request("POST" if "responses" in path else "GET", url, headers=headers, content="{}")  # type: ignore[arg-type]
    assert refused(reply) == (401, "invalid_api_key")
    assert running.token not in reply.text


def test_a_browser_is_refused_even_with_the_token(running: Running) -> None:
    headers = {**running.headers, "Origin": "http://localhost"}
    assert refused(httpx.get(f"{running.http}/models", headers=headers)) == (403, "forbidden_origin")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Authorization": "Bearer wrong"}, 401), ({"Origin": "https://evil.example"}, 403)],
)
async def test_the_websocket_is_refused_before_anything_is_said(
    running: Running, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(
            running.ready["url"], additional_headers={**running.headers, **headers}, proxy=None
        ):
            pass
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body or b"")["error"]["type"] == "invalid_request_error"


# HTTP.


def test_every_model_is_listed(running: Running) -> None:
    listed = httpx.get(f"{running.http}/models", headers=running.headers).json()
    names = [model["id"] for model in listed["data"]]
    assert names[:3] == ["completion", "edit", "chat"]
    assert {"replay", "slow", "local", "replay/replay"} <= set(names)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("nonsense", 400, "invalid_json"),
        ("[]", 400, "invalid_json"),
        ("[" * 100_000, 400, "invalid_json"),
        ('{"input": 5}', 400, "invalid_request_error"),
        ('{"model": ["x"]}', 400, "invalid_request_error"),
        ('{"background": true}', 400, "unsupported_parameter"),
        ('{"input": [{"content": [{"type": "input_image"}]}]}', 400, "unsupported_content"),
        ('{"model": "gpt-5"}', 404, "model_not_found"),
        ('{"model": "gpt-5", "stream": true}', 404, "model_not_found"),
        ('{"model": "broken"}', 503, "engine_unavailable"),
        ('{"model": "broken", "stream": true}', 503, "engine_unavailable"),
    ],
)
def test_what_cannot_be_served_is_an_error_with_its_status(
    running: Running, body: str, status: int, code: str
) -> None:
    reply = httpx.post(f"{running.http}/responses", headers=running.headers, content=body)
    assert refused(reply) == (status, code)
    assert set(reply.json()["error"]) == {"type", "code", "message", "param"}
    assert "Traceback" not in reply.text


def test_a_body_that_is_too_large_is_refused(running: Running) -> None:
    body = b'{"input": "' + b"x" * (16 * 1024 * 1024) + b'"}'
    reply = httpx.post(f"{running.http}/responses", headers=running.headers, content=body)
    assert refused(reply) == (413, "request_too_large")


@pytest.fixture
def sdk(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=running.http, api_key=running.token, max_retries=0) as client:
        yield client


def test_the_sdk_gets_a_response(sdk: openai.OpenAI) -> None:
    response = sdk.responses.create(model="replay", input="hello")
    assert (response.output_text, response.status) == (TEXT, "completed")
    assert response.usage is not None
    assert response.usage.output_tokens == len(TEXT) // 4


def test_the_sdk_gets_a_stream_in_order(sdk: openai.OpenAI) -> None:
    with sdk.responses.create(model="completion", input="hello", stream=True) as stream:
        seen = list(stream)
    assert [seen[0].type, seen[-1].type] == ["response.created", "response.completed"]
    assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == TEXT
    assert [event.sequence_number for event in seen] == list(range(len(seen)))


def test_the_sdk_names_the_errors_as_it_does_elsewhere(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-5'"):
        sdk.responses.create(model="gpt-5", input="hello")
    with pytest.raises(openai.InternalServerError, match="cannot read its text"):
        sdk.responses.create(model="broken", input="hello")


def test_the_sdk_lists_models(sdk: openai.OpenAI) -> None:
    assert "replay" in [model.id for model in sdk.models.list()]


def test_a_stream_that_its_reader_leaves_is_stopped(running: Running) -> None:
    url = f"{running.http}/responses"
    body = {"model": "stuck", "input": "x", "stream": True}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, headers=running.headers, json=body, timeout=0.3)
    until(lambda: sessions(running) == 0)


# The WebSocket.


async def test_without_a_subprotocol_it_is_the_public_websocket(running: Running) -> None:
    async with joined(running) as connection:
        assert connection.subprotocol is None
        await connection.send(create(model="replay", stream_id="a", stream=True, client_metadata={"x": 1}))
        seen = [event async for event in events(connection, "a")]
    assert seen[0]["type"] == "response.created"
    assert seen[-1]["response"]["output"][0]["content"][0]["text"] == TEXT
    assert "".join(event.get("delta", "") for event in seen) == TEXT


async def test_spark_v1_is_selected_when_offered_and_greets_with_its_engines(running: Running) -> None:
    async with joined(running, spark=True) as connection:
        assert connection.subprotocol == "spark.v1"
        hello = json.loads(await connection.recv())
    assert (hello["type"], hello["version"]) == ("spark.hello", __version__)
    assert {engine["name"] for engine in hello["engines"]} == {"local", "replay", "slow", "stuck", "broken"}


async def test_an_unknown_subprotocol_is_not_selected(running: Running) -> None:
    async with connect(
        running.ready["url"],
        additional_headers=running.headers,
        subprotocols=[Subprotocol("spark.v9")],
        proxy=None,
    ) as connection:
        assert connection.subprotocol is None


async def test_a_failure_leaves_the_other_lanes(running: Running) -> None:
    async with joined(running) as connection:
        await connection.send(create(model="slow", stream_id="slow"))
        for lane, model in (("gone", "gpt-5"), ("broken", "broken")):
            await connection.send(create(model=model, stream_id=lane))
            assert [event async for event in events(connection, lane)][-1]["type"] == "response.failed"
        last = [event async for event in events(connection, "slow")][-1]
    assert last["response"]["output"][0]["content"][0]["text"] == "abcd" * 40


async def test_noise_closes_the_connection_with_a_reason_and_harms_nobody_else(running: Running) -> None:
    async with joined(running) as good, joined(running) as bad:
        await bad.send(b"\x00\x01")
        with pytest.raises(ConnectionClosed) as caught:
            await bad.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, "binary" in caught.value.rcvd.reason) == (1008, True)
        await good.send(create(model="replay", stream_id="a"))
        assert [event async for event in events(good, "a")][-1]["type"] == "response.completed"


async def oversized(connection: ClientConnection) -> None:
    await connection.send("x" * (17 * 1024 * 1024))
    await connection.recv()


async def test_a_message_above_the_limit_ends_its_connection_only(running: Running) -> None:
    async with joined(running) as bad:
        with pytest.raises(ConnectionClosed) as caught:
            await oversized(bad)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
    async with joined(running) as good:
        await good.send(create(model="replay", stream_id="a"))
        assert [event async for event in events(good, "a")][-1]["type"] == "response.completed"


def test_a_client_that_dies_is_noticed_and_its_work_stopped(running: Running, folder: Path) -> None:
    script = (
        "import asyncio, json, sys\n"
        "from websockets.asyncio.client import connect\n"
        "async def main(url, token):\n"
        "    headers = {'Authorization': f'Bearer {token}'}\n"
        "    async with connect(url, additional_headers=headers, proxy=None) as c:\n"
        "        await c.send(json.dumps({'type': 'response.create', 'model': 'stuck', 'input': 'x'}))\n"
        "        await c.recv()\n"
        "        print('begun', flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", script, running.ready["url"], running.token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(folder)) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"begun\n"
        assert sessions(running) == 1
        client.kill()
    until(lambda: sessions(running) == 0)


# Where it listens.


async def test_a_unix_socket_is_the_user_s_alone_and_goes_with_the_gateway(folder: Path, short: Path) -> None:
    path = short / "g.sock"
    with gateway(folder, short, "--uds", str(path)) as started:
        assert started.ready["url"] == f"ws+unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with unix_connect(
            str(path), "ws://localhost/v1/responses", additional_headers=started.headers
        ) as connection:
            await connection.send(create(model="replay", stream_id="a"))
            assert [event async for event in events(connection, "a")][-1]["type"] == "response.completed"
        assert started.end() == 0
        assert not path.exists()


def test_a_stale_socket_is_taken_over_and_a_live_one_is_not(folder: Path, short: Path) -> None:
    path = short / "g.sock"
    with gateway(folder, short, "--uds", str(path)) as first:
        first.end(signal.SIGKILL)
    assert path.exists()
    with gateway(folder, short, "--uds", str(path)) as second:
        third = failed_start(folder, short, "--uds", str(path))
        assert f"Cannot listen on {path}" in third
        assert second.process.poll() is None
        assert path.exists()


def failed_start(folder: Path, runtime: Path, *arguments: str) -> str:
    """Return what a gateway that does not start says; one sentence, not a traceback."""
    command = [sys.executable, "-m", "spark_lsp", "gateway", "--config", str(folder / "config.toml")]
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        env=environment(runtime),
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_told(folder: Path, short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = failed_start(folder, short, "--port", str(taken.getsockname()[1]))
    assert "Address already in use" in said
    assert "Choose another port" in said


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_is_none_is_told(folder: Path, short: Path, port: str) -> None:
    assert "Cannot listen on 127.0.0.1" in failed_start(folder, short, f"--port={port}")


def test_a_host_that_is_none_is_told(folder: Path, short: Path) -> None:
    assert "Cannot listen on nowhere.invalid:0" in failed_start(folder, short, "--host", "nowhere.invalid")


def test_a_token_file_that_cannot_be_used_is_told(folder: Path, short: Path) -> None:
    empty, shared = short / "empty", short / "shared"
    empty.touch(0o600)
    shared.write_text("secret")
    shared.chmod(0o644)
    assert "is empty" in failed_start(folder, short, "--token-file", str(empty))
    assert "chmod 600" in failed_start(folder, short, "--token-file", str(shared))
    assert "cannot be used" in failed_start(folder, short, "--token-file", str(short / "no" / "token"))


def test_a_token_from_the_environment_is_used_and_written_nowhere(folder: Path, short: Path) -> None:
    with gateway(folder, short / "run", SPARK_LSP_TOKEN="of-mine") as started:
        assert started.ready["token_file"] is None
        assert httpx.get(f"{started.http}/models", headers=started.headers).status_code == 200
        assert not list((short / "run").glob("*"))


def test_a_token_that_was_made_is_private_and_goes_with_the_gateway(folder: Path, short: Path) -> None:
    with gateway(folder, short) as started:
        token_file = Path(started.ready["token_file"])
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        assert len(started.token) >= 32
        assert started.end() == 0
        assert not token_file.exists()


def test_a_foreground_gateway_leaves_the_state_of_the_automatic_one(folder: Path, short: Path) -> None:
    state = short / "gateway.json"
    state.write_text('{"url":"ws+unix:/x","token":"t","pid":1,"version":"1"}')
    with gateway(folder, short) as started:
        assert started.end() == 0
    assert json.loads(state.read_text())["pid"] == 1


def test_settings_that_are_not_used_are_told_and_it_starts(short: Path) -> None:
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


def test_a_broken_file_of_settings_starts_nothing(short: Path) -> None:
    (short / "config.toml").write_text("[engines")
    assert "is not valid TOML" in failed_start(short, short)


# How it ends.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero(folder: Path, short: Path, number: int) -> None:
    with gateway(folder, short) as started:
        assert started.end(number) == 0


async def test_a_signal_in_mid_answer_lets_the_answer_finish(folder: Path, short: Path) -> None:
    with gateway(folder, short) as started:
        async with joined(started, spark=True) as connection:
            await connection.send(create(model="slow", stream_id="a"))
            seen = list[dict[str, Any]]()
            async for event in events(connection, "a"):
                if not any("delta" in each for each in seen) and "delta" in event:
                    started.process.terminate()
                seen.append(event)
            assert seen[-1]["type"] == "response.completed"
            assert "".join(each.get("delta", "") for each in seen) == "abcd" * 40
        assert started.process.wait(DEADLINE) == 0


async def test_a_signal_is_announced_to_those_who_are_connected(folder: Path, short: Path) -> None:
    with gateway(folder, short) as started:
        async with joined(started, spark=True) as connection:
            assert json.loads(await connection.recv())["type"] == "spark.hello"
            started.process.terminate()
            with anyio.fail_after(DEADLINE):
                assert json.loads(await connection.recv())["type"] == "spark.goaway"
        assert started.process.wait(DEADLINE) == 0


def test_a_signal_in_the_middle_of_an_http_stream_lets_it_finish(folder: Path, short: Path) -> None:
    body = {"model": "slow", "input": "x", "stream": True}
    with (
        gateway(folder, short) as started,
        httpx.stream("POST", f"{started.http}/responses", headers=started.headers, json=body) as reply,
    ):
        lines = reply.iter_lines()
        assert next(lines) == "event: response.created"
        started.process.terminate()
        assert "event: response.completed" in list(lines)
        assert started.process.wait(DEADLINE) == 0


async def test_an_answer_that_never_ends_does_not_keep_it(folder: Path, short: Path) -> None:
    with gateway(folder, short) as started:
        async with joined(started) as connection:
            await connection.send(create(model="stuck", stream_id="a"))
            assert json.loads(await connection.recv())["type"] == "response.created"
            begun = time.monotonic()
            assert started.end() == 0
            assert 4.5 < time.monotonic() - begun < 9.5


async def test_it_ends_when_nobody_has_been_there_for_a_while(folder: Path, short: Path) -> None:
    with gateway(folder, short, "--idle", "0.5") as started:
        async with joined(started):
            await anyio.sleep(1.0)
            assert started.process.poll() is None
        left = time.monotonic()
        until(lambda: started.process.poll() is not None)
        assert 0.4 < time.monotonic() - left < 5
        assert started.process.returncode == 0


def test_an_http_answer_counts_as_a_connection(folder: Path, short: Path) -> None:
    body = {"model": "slow", "input": "x"}
    with gateway(folder, short, "--idle", "0.5") as started:
        reply = httpx.post(f"{started.http}/responses", headers=started.headers, json=body)
        assert reply.json()["status"] == "completed"
