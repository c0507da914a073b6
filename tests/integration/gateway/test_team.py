"""A gateway for a team: tokens of users, turns, a limit of connections, and its clients at the limit."""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.gateway.users import add_user, remove_user
from tests.integration.gateway.conftest import CONFIG
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

LIMIT = 6
TEAM = f'\n[team]\nusers = "users"\nmaxConnections = {LIMIT}\nmaxAnswers = 2\n'


@pytest.fixture(scope="module")
def users(folder: Path) -> Path:
    add_user(folder / "users", "alice", "2026-01-31")
    return folder / "users"


@pytest.fixture(scope="module")
def team(folder: Path, users: Path, start: Any) -> Iterator[Any]:
    (folder / "team.toml").write_text(CONFIG + TEAM)
    with start(folder / "team", "--config", str(folder / "team.toml")) as started:
        yield started


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def joined(team: Any, token: str, **headers: str) -> connect:
    return connect(
        team.ready["url"], additional_headers={**bearer(token), **headers}, compression=None, proxy=None
    )


def metrics(team: Any) -> dict[str, float]:
    page = httpx.get(team.http.removesuffix("/v1") + "/metrics", headers=team.headers).text
    found = re.findall(r"^spark_lsp_(\w+) ([\d.]+)$", page, re.MULTILINE)
    return {name: float(value) for name, value in found}


def health(team: Any, token: str) -> int:
    return httpx.get(team.http.removesuffix("/v1") + "/healthz", headers=bearer(token)).status_code


def post(team: Any) -> int:
    body = {"input": "hello"}
    return httpx.post(f"{team.http}/responses", headers=team.headers, json=body).status_code


async def test_each_user_has_a_token_and_another_s_name_does_not_help(team: Any, users: Path) -> None:
    alice, bob = (add_user(users, name, "2026-01-31") for name in ("alice", "bob"))
    assert [health(team, token) for token in (alice, bob, team.token)] == [200, 200, 200]
    stolen = "bob." + alice.removeprefix("alice.")
    assert [health(team, token) for token in (stolen, "bob.", "bob", alice + "x")] == [401] * 4
    with pytest.raises(InvalidStatus) as caught:
        await joined(team, stolen)
    assert caught.value.response.status_code == 401


async def test_removing_a_user_ends_the_user_s_connections_and_no_others(team: Any, users: Path) -> None:
    carol, dave = (add_user(users, name, "2026-01-31") for name in ("carol", "dave"))
    async with joined(team, carol) as hers, joined(team, dave) as his:
        remove_user(users, "carol")
        assert health(team, carol) == 401
        assert health(team, dave) == 200  # the gateway looks at the file with each request
        with anyio.fail_after(PATIENCE), pytest.raises(ConnectionClosed):
            await hers.recv()
        await his.send(json.dumps({"type": "response.create", "input": "hello", "model": "replay"}))
        assert json.loads(await his.recv())["type"] == "response.created"


async def test_a_proxy_names_the_user_with_the_gateway_s_own_token_only(team: Any, users: Path) -> None:
    alice = add_user(users, "alice", "2026-01-31")
    header = {"X-Forwarded-User": "erin@example.com"}
    async with joined(team, team.token, **header), joined(team, team.token, **header):
        assert metrics(team)["users"] == 1
        async with joined(team, alice, **{"X-Forwarded-User": "somebody"}):
            assert metrics(team)["users"] == 2


async def test_answers_beyond_the_limit_wait_and_users_take_turns(team: Any, users: Path, until: Any) -> None:
    alice, bob = (add_user(users, name, "2026-01-31") for name in ("alice", "bob"))
    async with joined(team, alice) as one, joined(team, bob) as other:
        for number in range(4):
            await one.send(create("stuck", f"lane{number}"))
        until(lambda: (metrics(team)["running_now"], metrics(team)["waiting"]) == (2, 2))
        await other.send(create("replay", "bob"))
        until(lambda: metrics(team)["waiting"] == 3)
        await one.close()  # both of alice's answers end, and those that wait
        with anyio.fail_after(PATIENCE):
            kinds = [json.loads(message)["type"] async for message in until_completed(other)]
    assert kinds[-1] == "response.completed"


async def until_completed(connection: Any) -> AsyncIterator[str]:
    async for message in connection:
        yield message
        if json.loads(message)["type"] == "response.completed":
            return


def create(model: str, lane: str) -> str:
    fields = {"type": "response.create", "input": "hello", "model": model, "stream_id": lane}
    return json.dumps(fields)


async def test_a_full_gateway_refuses_with_a_pause_and_serves_the_others(team: Any) -> None:
    statuses: list[LinkStatus] = []
    refused = anyio.Event()

    def note(status: LinkStatus) -> None:
        statuses.append(status)
        if status.code == Code.GATEWAY_FULL:
            refused.set()

    async def locate() -> Endpoint:
        return Endpoint(team.ready["url"], team.token)

    connections = [await joined(team, team.token) for _ in range(LIMIT)]
    with pytest.raises(InvalidStatus) as caught:
        await joined(team, team.token)
    answer = caught.value.response
    assert (answer.status_code, json.loads(answer.body)["error"]["code"]) == (503, Code.GATEWAY_FULL)
    assert 2 <= int(answer.headers["Retry-After"]) <= 15
    assert post(team) == 503
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(Remote(locate, note).run)
            await refused.wait()
            group.cancel_scope.cancel()
    await connections[0].send(create("replay", "a"))
    assert json.loads(await connections[0].recv())["type"] == "response.created"
    for connection in connections:
        await connection.close()


async def test_a_storm_of_connections_is_answered_and_passes(team: Any, until: Any) -> None:
    outcomes: list[int] = []

    async def knock() -> None:
        try:
            async with joined(team, team.token):
                outcomes.append(101)
        except InvalidStatus as error:
            outcomes.append(error.response.status_code)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(knock)
    assert set(outcomes) <= {101, 503}
    assert outcomes.count(101) >= LIMIT
    until(lambda: metrics(team)["sessions"] == 0)
    async with joined(team, team.token):
        pass


def test_the_command_manages_the_users_of_the_configuration(folder: Path, team: Any, tmp_path: Path) -> None:
    def fleet_token(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "spark_lsp", "fleet", "token", *words]
        environment = {**os.environ, "SPARK_LSP_CONFIG": str(folder / "team.toml")}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    added = fleet_token("add", "frank")
    assert health(team, added.stdout.strip()) == 200
    assert "frank\tsince " in fleet_token("list").stdout
    assert fleet_token("remove", "frank").returncode == 0
    assert health(team, added.stdout.strip()) == 401
    assert fleet_token("remove", "frank").returncode == 1
    elsewhere = tmp_path / "elsewhere"
    assert fleet_token("add", "grace", "--users", str(elsewhere)).stdout.startswith("grace.")
    assert "grace" in elsewhere.read_text()
