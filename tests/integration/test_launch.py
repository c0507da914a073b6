"""Finding or starting the user's gateway, with real processes that race, die and disagree."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import httpx
import psutil
import pytest
from anyio.abc import SocketStream

from spark_lsp import __version__, launch, runtime
from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.remote import Endpoint
from spark_lsp.errors import GatewayError
from spark_lsp.failures import FAILED, read_all
from spark_lsp.locks import try_lock
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
FIND = (
    "import anyio, os\n"
    "from spark_lsp import launch\n"
    "endpoint = anyio.run(launch.find_or_start)\n"
    "print(endpoint.url, endpoint.token)\n"
)


@pytest.fixture
def where(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory of this test's own, seen by this process too; its gateways end with the test."""
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    return Path(home["SPARK_LSP_RUNTIME_DIR"])


def gateways(where: Path) -> list[psutil.Process]:
    """Every gateway process that belongs to this runtime directory, known to it or not."""
    found = list[psutil.Process]()
    for process in psutil.process_iter():
        try:
            if "gateway" in process.cmdline() and process.environ().get("SPARK_LSP_RUNTIME_DIR") == str(
                where
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def get(endpoint: Endpoint, path: str) -> httpx.Response:
    transport = httpx.HTTPTransport(uds=endpoint.url.removeprefix("ws+unix:"))
    with httpx.Client(transport=transport) as client:
        return client.get(f"http://gateway{path}", headers={"Authorization": f"Bearer {endpoint.token}"})


def healthy(endpoint: Endpoint) -> bool:
    return get(endpoint, "/healthz").status_code == 200


def names(where: Path, pattern: str = "*") -> set[str]:
    return {path.name for path in where.glob(pattern)}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def state_of(where: Path) -> runtime.State:
    state = runtime.read_state(where)
    assert state is not None
    return state


async def test_the_first_starts_one_and_the_second_finds_it(where: Path) -> None:
    first = await launch.find_or_start()
    second = await launch.find_or_start()
    assert first == second
    assert healthy(first)
    assert len(gateways(where)) == 1


@pytest.fixture
def somebody() -> Iterator[psutil.Popen]:
    """A process that has nothing to do with us."""
    process = psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate()


@pytest.mark.parametrize("version", [__version__, "0.0.0"])
async def test_a_stranger_on_the_port_of_one_that_has_ended_learns_nothing_and_is_passed_over(
    where: Path, version: str, somebody: psutil.Popen
) -> None:
    seen = bytearray()

    async def welcome(stream: SocketStream) -> None:
        """Say yes to everything."""
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                seen.extend(await stream.receive())
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, welcome)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        url = f"ws://127.0.0.1:{port}/v1/responses"
        runtime.write_state(where, runtime.State(url, "the-token", somebody.pid, version))
        found = await launch.find_or_start()
        assert somebody.poll() is None  # nobody ends a process for what a stranger says
        group.cancel_scope.cancel()
    assert found.url != url
    assert healthy(found)
    assert b"healthz" in seen
    assert b"the-token" not in seen


async def test_what_it_leaves_is_private_and_free_of_secrets(where: Path) -> None:
    endpoint = await launch.find_or_start()
    state = state_of(where)
    assert (state.url, state.token, state.version) == (endpoint.url, endpoint.token, __version__)
    assert endpoint.url.startswith(f"ws+unix:{where}")
    assert names(where) == {"gateway.json", "gateway.lock", "gateway.log", f"gateway-{state.pid}.sock"}
    for name in ("gateway.json", "gateway.log", f"gateway-{state.pid}.sock"):
        assert mode(where / name) == 0o600, name
    assert mode(where) == 0o700
    assert endpoint.token not in (where / "gateway.log").read_text()
    assert endpoint.token not in repr(endpoint)
    assert endpoint.token not in " ".join(psutil.Process(state.pid).cmdline())


async def test_it_is_not_tied_to_the_server_that_started_it(where: Path) -> None:
    await launch.find_or_start()
    process = psutil.Process(state_of(where).pid)
    assert os.getsid(process.pid) == process.pid
    assert process.cwd() == "/"
    log = str(where / "gateway.log")
    assert [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)] == ["/dev/null", log, log]


def test_two_servers_that_start_at_once_share_one(where: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", FIND], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = {starter.communicate(timeout=PATIENCE)[0] for starter in starters}
    assert {starter.returncode for starter in starters} == {0}
    assert len(said) == 1
    assert len(gateways(where)) == 1


async def test_one_that_was_killed_is_replaced_and_its_remains_removed(where: Path) -> None:
    first = await launch.find_or_start()
    dead = state_of(where).pid
    os.kill(dead, signal.SIGKILL)
    until(lambda: not gateways(where))
    assert (where / f"gateway-{dead}.sock").exists()
    second = await launch.find_or_start()
    assert second != first
    assert healthy(second)
    assert names(where, "*.sock") == {f"gateway-{state_of(where).pid}.sock"}


async def test_one_that_was_told_to_end_is_not_found_any_more(where: Path) -> None:
    await launch.find_or_start()
    (old,) = gateways(where)
    old.terminate()
    until(lambda: runtime.read_state(where) is None)
    until(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE)
    assert names(where, "*.sock") == set()
    assert healthy(await launch.find_or_start())


@pytest.mark.parametrize("state", ["{", '{"url":"ws+unix:/nowhere","token":"t","pid":%d,"version":"%s"}'])
async def test_a_state_that_leads_nowhere_is_replaced(where: Path, state: str) -> None:
    known = state % (os.getpid(), __version__) if "%" in state else state
    (where / "gateway.json").write_text(known)
    assert healthy(await launch.find_or_start())


async def test_a_process_that_took_over_the_address_is_not_trusted(where: Path) -> None:
    """It answers, but does not accept our token: then it is not our gateway."""
    first = await launch.find_or_start()
    state = state_of(where)
    runtime.write_state(where, runtime.State(state.url, "another", state.pid, state.version))
    second = await launch.find_or_start()
    assert second.token not in (first.token, "another")
    assert healthy(second)


async def test_a_gateway_of_another_version_is_drained_and_replaced(where: Path) -> None:
    first = await launch.find_or_start()
    old = state_of(where)
    runtime.write_state(where, runtime.State(old.url, old.token, old.pid, "0.0.0"))
    second = await launch.find_or_start()
    assert second != first
    assert state_of(where).version == __version__
    until(lambda: [process.pid for process in gateways(where)] == [state_of(where).pid])
    assert healthy(second)


async def test_one_that_cannot_start_is_told_with_its_log(where: Path, tmp_path: Path) -> None:
    config = tmp_path / "broken.toml"
    config.write_text("[engines")
    begun = time.monotonic()
    with pytest.raises(GatewayError, match=r"ended at once with code 1: The conf.*gateway\.log") as caught:
        await launch.find_or_start(config)
    assert time.monotonic() - begun < DEADLINE
    assert "Traceback" not in str(caught.value)
    assert f"{config} is not valid TOML" in str(caught.value)
    (failure,) = read_all((where / "gateway.log").read_text())
    assert (failure.event, failure.code) == (FAILED, Code.CONFIG_ERROR)
    assert "is not valid TOML" in failure.message
    assert healthy(await launch.find_or_start())  # the lock is free again


async def test_a_lock_that_nobody_lets_go_is_told(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "START_TIMEOUT_S", 0.2)
    with try_lock(where / "gateway.lock") as held:
        assert held
        with pytest.raises(GatewayError, match="another program holds its lock"):
            await launch.find_or_start()


async def test_settings_beside_the_caller_are_found_from_anywhere(
    where: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text("[engines.mine]\nkind = 'replay'\n")
    monkeypatch.chdir(tmp_path)
    endpoint = await launch.find_or_start(Path("mine.toml"))
    assert "mine" in [model["id"] for model in get(endpoint, "/v1/models").json()["data"]]


async def test_it_ends_by_itself_when_nobody_needs_it(where: Path) -> None:
    """Started without `find_or_start`, whose probe might come after the end on a busy machine."""
    command = [sys.executable, "-m", "spark_lsp", "gateway", "--automatic", "--idle", "0.5"]
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdout is not None
        assert json.loads(await process.stdout.receive())["event"] == "ready"
        with anyio.fail_after(PATIENCE):
            assert await process.wait() == 0
    assert names(where) == set()


async def test_how_long_it_stays_may_be_said_in_the_environment(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LSP_GATEWAY_IDLE", "77.5")
    await launch.find_or_start()
    (gateway,) = gateways(where)
    assert gateway.cmdline()[-2:] == ["--idle", "77.5"]


async def test_one_that_nobody_can_find_any_more_ends(where: Path) -> None:
    """As when two were started, the first by a server that was killed before it was there."""
    await launch.find_or_start()
    (lost,) = gateways(where)
    state = state_of(where)
    runtime.write_state(where, runtime.State(state.url, state.token, os.getpid(), state.version))
    until(lambda: not lost.is_running() or lost.status() == psutil.STATUS_ZOMBIE)
    assert state_of(where).pid == os.getpid()  # the other's state is left alone


async def test_where_there_are_no_unix_sockets_it_is_a_loopback_port(where: Path, tmp_path: Path) -> None:
    """The automatic gateway as on such a system: the module that chooses sees no AF_UNIX."""
    script = (
        "import socket, sys, types\n"
        "from spark_lsp.gateway import listener\n"
        "seen = {name: value for name, value in vars(socket).items() if name != 'AF_UNIX'}\n"
        "listener.socket = types.SimpleNamespace(**seen)\n"
        "from spark_lsp import cli; sys.exit(cli.main(['gateway', '--automatic', '--idle', '30']))\n"
    )
    async with await anyio.open_process([sys.executable, "-c", script], stderr=None) as process:
        assert process.stdout is not None
        ready = json.loads(await process.stdout.receive())
        assert ready["url"].startswith("ws://127.0.0.1:")
        endpoint = await launch.find_or_start()
        assert endpoint.url == ready["url"]
        process.terminate()
        assert await process.wait() == 0
    assert runtime.read_state(where) is None


@pytest.mark.parametrize(
    ("given", "idle"),
    [
        ("2.5", 2.5),
        ("", launch.IDLE_S),
        ("soon", launch.IDLE_S),
        ("0", launch.IDLE_S),
        ("-1", launch.IDLE_S),
        ("nan", launch.IDLE_S),
    ],
)
def test_the_idle_time_can_be_set(monkeypatch: pytest.MonkeyPatch, given: str, idle: float) -> None:
    monkeypatch.setenv("SPARK_LSP_GATEWAY_IDLE", given)
    assert launch.usual_idle() == idle
