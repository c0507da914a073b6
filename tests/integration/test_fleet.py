"""The gateway as a fleet on the genuine Ray Serve: an optional job, since Ray is large (`make fleet`).

One fleet with two replicas serves all tests, in their order. The editors are the language server's own links.
"""

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import psutil
import pytest

from spark_lsp.answer_events import Chunk, Finished
from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import EngineError
from spark_lsp.gateway.users import add_user, remove_user
from spark_lsp.request import Request, Task
from tests.patience import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300), pytest.mark.xdist_group("fleet")]

ROOT = Path(__file__).parents[2]
ANSWER = "".join(f"line {number}\n" for number in range(100))
CONFIG = """\
[engines.replay]
kind = "replay"
text = "answer.txt"
delay_ms = 0
tokens_per_s = 0
[engines.slow]
kind = "replay"
text = "answer.txt"
delay_ms = 0
tokens_per_s = 150
[routes]
completion = ["replay"]
edit = ["slow"]
[team]
users = "users"
replicas = 2
cpusPerReplica = 0.5
drainSeconds = 8
"""
EDITORS = 8
TITLE = "ray::ServeReplica:spark-lsp:gateway"
LONG = 10 * PATIENCE  # Ray starts processes, each of which imports Ray


@dataclass
class Fleet:
    """A fleet's process, and how it is reached."""

    process: "subprocess.Popen[str]"
    url: str
    token: str
    users: Path

    @property
    def http(self) -> str:
        return self.url.replace("ws://", "http://").removesuffix("/v1/responses")

    def replicas(self) -> list[psutil.Process]:
        """Return the replicas' processes, whose titles also name a method that they run."""
        found: list[psutil.Process] = []
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if each.cmdline()[:1] and each.cmdline()[0].startswith(TITLE):
                    found.append(each)
        return found

    def status(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.http}/healthz", headers=headers, timeout=PATIENCE).status_code

    def ready(self) -> str:
        """Wait for the next ready line, and return its URL."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)["url"]
        raise AssertionError("the fleet has ended")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    python = os.environ.get("SPARK_LSP_FLEET")
    if not python:
        pytest.skip("Ray Serve is an optional job: make fleet")
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "answer.txt").write_text(ANSWER)
    (folder / "config.toml").write_text(CONFIG)
    token = add_user(folder / "users", "alice", "2026-01-31")
    words = ["--config", str(folder / "config.toml"), "--token-file", str(folder / "owner"), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SPARK_LSP_RUNTIME_DIR": str(folder / "run")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "spark_lsp", "fleet", *words, "--cpus", "2"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        with process:
            started = Fleet(process, "", token, folder / "users")
            try:
                started.url = started.ready()
                yield started
                process.send_signal(signal.SIGTERM)
                assert process.wait(LONG) == 0
            finally:
                process.kill()


class Editor:
    """A language server's link to the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self.ready = anyio.Event()
        self._fleet = fleet
        self.remote = Remote(self._locate, self._note)

    async def _locate(self) -> Endpoint:
        return Endpoint(self._fleet.url, self._fleet.token)

    def _note(self, status: LinkStatus) -> None:
        if status.state == "ready":
            self.ready.set()

    async def ask(self, task: Task) -> tuple[str, int]:
        """Return the answer's text and how often it ended."""
        text, ends = "", 0
        async with self.remote.open(Request(task, instruction="hello")) as events:
            async for event in events:
                text += event.text if isinstance(event, Chunk) else ""
                ends += isinstance(event, Finished)
        return text, ends

    async def edit(self) -> tuple[str, int]:
        """Return the same of an edit, which begins again once, as the language server's does."""
        try:
            return await self.ask(Task.EDIT)
        except EngineError as error:
            if error.code != Code.CONNECTION_LOST:
                raise
            return await self.ask(Task.EDIT)


@asynccontextmanager
async def editors(fleet: Fleet, count: int) -> AsyncIterator[list[Editor]]:
    made = [Editor(fleet) for _ in range(count)]
    async with anyio.create_task_group() as group:
        for editor in made:
            group.start_soon(editor.remote.run)
        with anyio.fail_after(LONG):
            for editor in made:
                await editor.ready.wait()
        yield made
        group.cancel_scope.cancel()


async def edit_during(fleet: Fleet, disturb: Callable[[], object]) -> list[tuple[str, int]]:
    """Have all editors request an edit, disturb the fleet, and return what became of the edits."""
    results: list[tuple[str, int]] = []

    async def one(editor: Editor) -> None:
        results.extend([await editor.edit() for _ in range(3)])

    async with editors(fleet, EDITORS) as made:
        with anyio.fail_after(LONG):
            async with anyio.create_task_group() as group:
                for editor in made:
                    group.start_soon(one, editor)
                await anyio.sleep(0.5)  # the edits take two seconds each
                await anyio.to_thread.run_sync(disturb)
    return results


async def test_an_editor_gets_an_answer_through_serve(fleet: Fleet) -> None:
    async with editors(fleet, 1) as (editor,):
        assert await editor.ask(Task.COMPLETE) == (ANSWER, 1)


async def test_only_users_get_in(fleet: Fleet) -> None:
    bob = add_user(fleet.users, "bob", "2026-01-31")
    stolen = "bob." + fleet.token.removeprefix("alice.")
    assert [fleet.status(token) for token in (fleet.token, bob, stolen, "x")] == [200, 200, 401, 401]
    remove_user(fleet.users, "bob")
    assert fleet.status(bob) == 401


async def test_the_sessions_share_the_replicas_and_each_stays_on_its_own(fleet: Fleet) -> None:
    served: dict[str, set[int]] = {}
    for _ in range(3):
        for number in range(12):
            served.setdefault(f"session-{number}", set()).add(await serving(fleet, f"session-{number}"))
    assert all(len(replicas) == 1 for replicas in served.values())
    assert set.union(*served.values()) == {each.pid for each in fleet.replicas()}


async def serving(fleet: Fleet, session: str) -> int:
    """Return the process id of the replica that serves a session."""
    headers = {"Authorization": f"Bearer {fleet.token}", "session-id": session}
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        return (await client.get(f"{fleet.http}/status", headers=headers)).json()["pid"]


async def test_the_replicas_are_replaced_without_a_lost_or_repeated_edit(fleet: Fleet) -> None:
    before = {each.pid for each in fleet.replicas()}
    assert len(before) == 2

    def renew() -> None:
        fleet.process.send_signal(signal.SIGHUP)
        fleet.ready()

    assert await edit_during(fleet, renew) == [(ANSWER, 1)] * (3 * EDITORS)
    assert not before & {each.pid for each in fleet.replicas()}


async def test_a_killed_replica_loses_no_edit_and_is_replaced(fleet: Fleet) -> None:
    def kill() -> None:
        fleet.replicas()[0].kill()

    assert await edit_during(fleet, kill) == [(ANSWER, 1)] * (3 * EDITORS)


async def test_a_replica_that_hangs_is_replaced(fleet: Fleet) -> None:
    with anyio.fail_after(LONG):
        while len(found := fleet.replicas()) < 2:  # after the test before
            await anyio.sleep(0.1)
    hanging = found[0]
    async with editors(fleet, EDITORS) as made:
        hanging.suspend()
        try:
            with anyio.fail_after(LONG):
                assert [await until_answered(editor) for editor in made] == [(ANSWER, 1)] * EDITORS
                sessions = [f"session-{number}" for number in range(12)]
                while len({await serving(fleet, session) for session in sessions} - {hanging.pid}) < 2:
                    await anyio.sleep(0.1)
        finally:
            hanging.kill()  # Serve has left it, but a suspended process cannot end


async def until_answered(editor: Editor) -> tuple[str, int]:
    """Request completions, as the next keys of a user would, until one is answered."""
    while True:
        with suppress(EngineError), anyio.move_on_after(5):
            return await editor.ask(Task.COMPLETE)
