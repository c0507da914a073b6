"""kill -9 of each process in each of its states: no text is harmed, and the next request works.

One kill for each state, three for the model, which takes seconds to load; SPARK_LSP_KILLS=20 for more. The
moments come from a seed that a failure tells and SPARK_LSP_SEED repeats. After all, no process of ours is
left.
"""

import ast
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import psutil
import pytest

from spark_lsp import runtime
from spark_lsp.client.connection import connect
from spark_lsp.client.editor import Editor
from spark_lsp.client.rehearsal import stop_gateway
from spark_lsp.errors import SparkError
from spark_lsp.text.edits import Edit
from tests.patience import PATIENCE

STATES = ("idle", "completing", "editing", "configuring", "starting")
KILLS = int(os.environ.get("SPARK_LSP_KILLS", len(STATES)))
MODEL_KILLS = int(os.environ.get("SPARK_LSP_KILLS", 3))
SEED = int(os.environ.get("SPARK_LSP_SEED") or random.randrange(10**6))
IDLE_S = 3.0
WITHIN_S = {"idle": 0.05, "completing": 0.25, "editing": 0.3, "configuring": 0.05, "starting": 1.0}
TEXT = "def add(a, b):\n    total = a\n\n\ndef mul(a, b):\n    return a * b\n"
DOCUMENTED = 'def add(a, b):\n    """Add two numbers."""\n'
EDITED: dict[bool, Callable[[str, str], bool]] = {
    False: lambda before, after: after == before.replace("def add(a, b):\n", DOCUMENTED, 1),
    True: lambda before, after: ast.parse(after) is not None and "def mul(a, b):" in after,
}

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300 + 60 * KILLS)]


@dataclass
class Desk:
    """A person's file, their text of it, and where the processes of this test live."""

    env: dict[str, str]
    where: Path
    file: Path
    chance: random.Random
    local: bool = False
    text: str = TEXT
    typed: int = 0
    on_disk: bytes = field(default=b"")

    @property
    def uri(self) -> str:
        return self.file.as_uri()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this runtime directory, the model's process too."""
        found = list[psutil.Process]()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = process.environ().get("SPARK_LSP_RUNTIME_DIR") == str(self.where)
                if (ours or str(self.where) in " ".join(process.cmdline())) and is_alive(process):
                    found.append(process)
        return found

    def gateway(self) -> psutil.Process | None:
        state = runtime.read_state(self.where)
        with suppress(psutil.Error):
            return psutil.Process(state.pid) if state else None
        return None

    def model(self) -> psutil.Process | None:
        return child(self.gateway(), str(Path("engine", "local", "child.py")))


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def child(of: psutil.Process | None, word: str) -> psutil.Process | None:
    """Return the running child whose command line has this word."""
    with suppress(psutil.Error):
        for process in of.children() if of else ():
            if word in " ".join(process.cmdline()) and is_alive(process):
                return process
    return None


async def until(happened: Callable[[], object], seconds: float = PATIENCE) -> None:
    with anyio.fail_after(seconds):
        while not happened():
            await anyio.sleep(0.01)


@pytest.fixture
def desk(home: dict[str, str], replay_config: Path, tmp_path: Path) -> Iterator[Desk]:
    """With a replay that is slow enough to be killed in the middle; at the end nothing is left."""
    slow = replay_config.read_text().replace("1000", "50").replace("delay_ms = 5", "delay_ms = 50")
    replay_config.write_text(slow)
    where = Path(home["SPARK_LSP_RUNTIME_DIR"])
    more = {"SPARK_LSP_GATEWAY_IDLE": str(IDLE_S), "XDG_RUNTIME_DIR": str(where)}
    file = tmp_path / "sums.py"
    file.write_text(TEXT)
    made = Desk({**home, **more}, where, file, random.Random(SEED), on_disk=file.read_bytes())
    yield made
    deadline = time.monotonic() + 4 * IDLE_S
    while left := made.processes():
        assert time.monotonic() < deadline, [process.cmdline() for process in left]
        time.sleep(0.05)
    assert {path.name for path in where.iterdir()} <= {"gateway.json", "gateway.lock", "gateway.log"}


@contextmanager
def told(victim: str, state: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(f"kill -9 of the {victim}, {state}; SPARK_LSP_SEED={SEED} SPARK_LSP_KILLS={KILLS}")
        raise


def rounds(desk: Desk, count: int = KILLS) -> list[str]:
    """Every state in turn, shuffled."""
    states = [STATES[number % len(STATES)] for number in range(max(count, len(STATES)))]
    desk.chance.shuffle(states)
    return states[:count]


@asynccontextmanager
async def sitting(
    desk: Desk, during: Callable[[Editor], Coroutine[Any, Any, None]] | None = None
) -> AsyncGenerator[Editor]:
    """An editor with the file open; `during` happens while it starts, and may end it."""
    editor = Editor({})
    async with connect(editor.handle, (), desk.env) as connection, anyio.create_task_group() as group:
        editor._connection = connection
        if during is not None:
            group.start_soon(during, editor)
        try:
            await editor.initialize(connection, desk.file.parent, growing=False)
        except SparkError:
            assert during is not None
        editor.open(desk.uri, desk.text, "python")
        yield editor


def type_a_word(desk: Desk, editor: Editor) -> int:
    """Type, so that nothing that was suggested before fits any more; returns the cursor's offset."""
    desk.typed += 1
    now = editor.documents[desk.uri].text
    at = now.index("\n\n\ndef mul")
    word = f"\n    v{desk.typed} ="
    editor.change(desk.uri, Edit(at, at, word))
    return at + len(word)


async def works(desk: Desk, editor: Editor) -> None:
    """The next request is answered."""
    found = await editor.complete(desk.uri, type_a_word(desk, editor))
    assert found.text, found
    put_back(desk, editor)
    before = desk.text
    if not desk.local and DOCUMENTED not in before:
        outcome = await editor.edit(desk.uri, 0, 0, "document")
        assert outcome.state == "applied", outcome
        assert EDITED[desk.local](before, outcome.after)
        put_back(desk, editor)


def put_back(desk: Desk, editor: Editor) -> None:
    """Undo what was typed and edited."""
    editor.change(desk.uri, Edit(0, len(editor.documents[desk.uri]), desk.text))


async def act(desk: Desk, editor: Editor, state: str) -> None:
    """Do what the state is called by; what comes of it is not asked here."""
    with suppress(SparkError):
        if state == "completing":
            await editor.complete(desk.uri, type_a_word(desk, editor))
        elif state == "editing":
            await editor.edit(desk.uri, 0, 0, "document")
        elif state == "configuring":
            engines = {"other": {"kind": "replay", "delay_ms": desk.chance.randint(1, 99)}}
            editor.settings = {"engines": engines, "completion": {"maxLines": desk.chance.randint(0, 9)}}
            editor.connection.notify("workspace/didChangeConfiguration", {"settings": None})


async def killed(desk: Desk, editor: Editor, state: str, victim: psutil.Process) -> None:
    """Kill `victim` at some moment of what the state is called by; then look at what is left."""
    before = ""
    async with anyio.create_task_group() as group:
        group.start_soon(act, desk, editor, state)
        await anyio.lowlevel.checkpoint()  # what is typed first has been typed
        before = editor.documents[desk.uri].text
        await anyio.sleep(desk.chance.uniform(0, WITHIN_S[state] * (5 if desk.local else 1)))
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
        await until(lambda: not is_alive(victim))
    after = editor.documents[desk.uri].text
    assert after == before or (state == "editing" and EDITED[desk.local](before, after))
    assert desk.file.read_bytes() == desk.on_disk
    put_back(desk, editor)


async def test_the_server(desk: Desk) -> None:
    for state in rounds(desk):
        with told("server", state):
            if state == "starting":
                await until(lambda: stopped(desk))
                await server_killed_at_start(desk)
                continue
            async with sitting(desk) as editor:
                await works(desk, editor)
                await killed(desk, editor, state, psutil.Process(editor.connection.process.pid))
                await until(lambda: editor.connection.dead)
    with told("server", "all"):
        async with sitting(desk) as editor:
            await works(desk, editor)


def stopped(desk: Desk) -> bool:
    stop_gateway(desk.where)
    return True


async def server_killed_at_start(desk: Desk) -> None:
    """Before it has answered, or while the gateway that it needs is on its way."""

    async def kill(editor: Editor) -> None:
        await anyio.sleep(desk.chance.uniform(0, WITHIN_S["starting"]))
        editor.connection.process.kill()

    async with sitting(desk, kill) as editor:
        await until(lambda: editor.connection.dead)
    assert desk.file.read_bytes() == desk.on_disk


async def test_the_gateway(desk: Desk) -> None:
    async with sitting(desk) as editor:
        await works(desk, editor)
        server = psutil.Process(editor.connection.process.pid)
        for state in rounds(desk):
            with told("gateway", state):
                gateway = desk.gateway()
                assert gateway
                if state == "starting":
                    gateway.kill()
                    await until(lambda: (found := child(server, "gateway")) and found != gateway)  # noqa: B023
                    gateway = child(server, "gateway")
                    assert gateway
                await killed(desk, editor, state, gateway)
                await works(desk, editor)


@pytest.mark.model
async def test_the_model(desk: Desk, replay_config: Path, model: Path) -> None:
    replay_config.write_text("[completion]\nthreshold = 0\n")  # any answer will do
    desk.local = True
    for state in rounds(desk, MODEL_KILLS):
        with told("model", state):
            async with sitting(desk) as editor:
                if state != "starting":
                    await works(desk, editor)
                await model_killed(desk, editor, state)
                await works(desk, editor)
            stop_gateway(desk.where)  # a second death within ten minutes would put the engine off


async def model_killed(desk: Desk, editor: Editor, state: str) -> None:
    async with anyio.create_task_group() as group:
        if state == "starting":
            group.start_soon(act, desk, editor, "completing")
        await until(desk.model)
        victim = desk.model()
        assert victim
        await killed(desk, editor, state, victim)


def test_the_private_gateway_of_a_killed_demonstration(home: dict[str, str], tmp_path: Path) -> None:
    """It ends within seconds, though nobody is left to end it."""
    (tmp_path / "tmp").mkdir()
    env = {**home, "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-m", "spark_lsp", "demo", "--engine", "replay"]
    del env["SPARK_LSP_RUNTIME_DIR"]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:
        started = psutil.Process(demo.pid)
        server = gateway = None
        deadline = time.monotonic() + 30
        while gateway is None:
            assert time.monotonic() < deadline, "it started no gateway"
            server = server or child(started, "serve")
            gateway = child(server, "gateway")
            time.sleep(0.01)
        demo.kill()
    assert server
    deadline = time.monotonic() + 20
    while is_alive(server) or is_alive(gateway):
        assert time.monotonic() < deadline, "it has not ended"
        time.sleep(0.05)
