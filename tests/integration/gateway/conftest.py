"""A gateway's process, and how tests reach it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.patience import PATIENCE

DEADLINE = PATIENCE
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
[engines.flood]
kind = "replay"
text = "flood.txt"
tokens_per_s = 0
delay_ms = 0
[engines.halting]
kind = "replay"
text = "answer.txt"
tokens_per_s = 1
delay_ms = 0
[engines.late]
kind = "replay"
text = "answer.txt"
tokens_per_s = 0
delay_ms = 300
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
ENDS = {"response.completed", "response.incomplete", "response.failed", "error"}


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

    def sessions(self) -> int:
        return httpx.get(self.http.removesuffix("/v1") + "/healthz", headers=self.headers).json()["sessions"]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    @asynccontextmanager
    async def joined(self, *, spark: bool = False) -> AsyncIterator[ClientConnection]:
        """Connect as a public client, or as one that speaks spark.v1."""
        offered = [Subprotocol("spark.v1")] if spark else None
        async with connect(
            self.ready["url"],
            additional_headers=self.headers,
            subprotocols=offered,
            compression=None,
            proxy=None,
        ) as connection:
            yield connection


Start = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the configuration lies."""
    where = tmp_path_factory.mktemp("gateway")
    (where / "answer.txt").write_text("def add(a, b):\n    return a + b\n")
    (where / "long.txt").write_text("abcd" * 40)
    (where / "flood.txt").write_text("abcd" * 250_000)
    (where / "config.toml").write_text(CONFIG)
    return where


@pytest.fixture(scope="session")
def environment() -> Callable[..., dict[str, str]]:
    """Environments in which a gateway finds nothing but what the test gives it."""
    names = ("PATH", "HOME", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    kept |= {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONWARNINGS": "error"}

    def made(runtime: Path, **more: str) -> dict[str, str]:
        return {**kept, "SPARK_LSP_RUNTIME_DIR": str(runtime), **more}

    return made


@pytest.fixture(scope="session")
def start(folder: Path, environment: Callable[..., dict[str, str]]) -> Start:
    """`with start(runtime_directory, *arguments, **environment) as running`."""

    @contextmanager
    def started(runtime: Path, *arguments: str, **more: str) -> Iterator[Running]:
        command = [sys.executable, "-m", "spark_lsp", "gateway", "--config", str(folder / "config.toml")]
        process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, text=True, env=environment(runtime, **more)
        )
        assert process.stdout is not None
        with process.stdout:
            try:
                ready = json.loads(process.stdout.readline())
                token_file = ready["token_file"]
                token = Path(token_file).read_text() if token_file else more["SPARK_LSP_TOKEN"]
                yield Running(process, ready, token)
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait(DEADLINE)

    return started


@pytest.fixture(scope="session")
def fails(folder: Path, environment: Callable[..., dict[str, str]]) -> Callable[..., str]:
    """What a gateway that cannot start says: one sentence, not a traceback."""

    def said(runtime: Path, *arguments: str, config: Path = folder / "config.toml") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "spark_lsp", "gateway", "--config", str(config), *arguments],
            capture_output=True,
            text=True,
            env=environment(runtime),
            timeout=DEADLINE,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return done.stderr

    return said


@pytest.fixture(scope="module")
def running(folder: Path, start: Start) -> Iterator[Running]:
    """One gateway for all tests of a file that leave it as it was."""
    with start(folder / "run", "--token-file", str(folder / "token")) as started:
        yield started


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place whose path is short enough for a Unix socket."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition, with a deadline."""

    def wait(condition: Callable[[], object]) -> None:
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def answers() -> Callable[[ClientConnection, str], AsyncIterator[dict[str, Any]]]:
    """The events of one lane, up to its terminal."""

    async def read(connection: ClientConnection, lane: str) -> AsyncIterator[dict[str, Any]]:
        with anyio.fail_after(DEADLINE):
            async for message in connection:
                event = json.loads(message)
                if event.get("stream_id") == lane:
                    yield event
                    if event["type"] in ENDS:
                        return

    return read
