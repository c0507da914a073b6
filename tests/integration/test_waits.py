"""Every wait of the command line ends by `--timeout`, says what it waited for, and leaves no child."""

import argparse
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from spark_lsp import __version__, cli, runtime
from spark_lsp.cli import COMMANDS
from spark_lsp.cli.waiting import seconds
from spark_lsp.client import connection
from spark_lsp.doctor import trial
from spark_lsp.models import sources
from spark_lsp.models.registry import HuggingFace

SERVER = str(Path(__file__).with_name("scripted_server.py"))
MUTE = (sys.executable, "-c", "import time; time.sleep(600)")
HANGS = (sys.executable, SERVER, "hang")
WAITING = ("complete", "edit", "demo", "doctor", "status", "clean", "model")
SOON = 30.0  # seconds in which a command that waits for a second must have ended on a busy machine


class Boom(Exception):
    """What nobody expects."""


def children() -> set[psutil.Process]:
    """The children of the test process; among them may be those of fixtures that other tests use."""
    return set(psutil.Process().children(recursive=True))


@pytest.mark.parametrize("command", WAITING)
def test_each_command_that_waits_tells_its_limit(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [command, "pull", "--help"] if command == "model" else [command, "--help"]
    with pytest.raises(SystemExit):
        cli.main(words)
    told = " ".join(capsys.readouterr().out.split())
    assert "--timeout SECONDS" in told
    assert "(default: " in told.partition("--timeout SECONDS time")[2]


@pytest.mark.parametrize("word", ["0", "-1", "nan", "inf", "soon"])
def test_a_limit_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(word)


@pytest.mark.parametrize(
    ("server", "waited_for"), [(MUTE, "an answer to initialize"), (HANGS, "an answer to ")]
)
@pytest.mark.parametrize("command", ["complete", "edit", "demo"])
def test_a_server_that_never_answers(
    command: str,
    server: tuple[str, ...],
    waited_for: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(connection, "SERVE", server)
    file = tmp_path / "a.py"
    file.write_text("def add(a, b):\n    return a + b\n")
    words = {
        "complete": ["complete", f"{file}:2:5"],
        "edit": ["edit", str(file), "--range", "1:2", "--action", "document"],
        "demo": ["demo", "--json"],
    }[command]
    begun, before = time.monotonic(), children()
    assert cli.main([*words, "--timeout", "1.5"]) == 1
    assert time.monotonic() - begun < SOON
    told = capsys.readouterr().err
    assert told.startswith("spark-lsp: Waited 1.5 s for ")
    assert waited_for in told or command == "demo"
    assert "engine side" in told
    assert children() <= before
    assert file.read_text() == "def add(a, b):\n    return a + b\n"


def test_the_doctors_trial_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SERVE", MUTE)
    before = children()
    found = trial.look(None, 0.5)
    assert found.level == "error"
    assert "Waited 0.5 s for an answer to initialize" in found.what
    assert children() <= before


@pytest.fixture
def where(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SPARK_LSP_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, home[name])
    return Path(home["SPARK_LSP_RUNTIME_DIR"])


def test_a_gateway_that_does_not_say_how_it_is(where: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = where / "gateway-1.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        runtime.write_state(where, runtime.State(f"ws+unix:{path}", "t", os.getpid(), __version__))
        assert cli.main(["status", "--timeout", "0.2"]) == 1
    runtime.remove_state(where, os.getpid())
    assert "Waited 0.2 s for the gateway's answer" in capsys.readouterr().err


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    """A process that SIGTERM does not end."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.send_signal(signal.SIGKILL)


def test_a_gateway_that_does_not_end_keeps_its_files(
    where: Path,
    stubborn: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SPARK_LSP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SPARK_LSP_STATE_DIR", str(tmp_path / "state"))
    runtime.write_state(where, runtime.State("ws+unix:x", "t", stubborn.pid, __version__))
    assert cli.main(["clean", "--yes", "--timeout", "0.2"]) == 1
    assert f"Waited 0.2 s for the gateway (process {stubborn.pid}) to end" in capsys.readouterr().err
    assert (where / "gateway.json").exists()


def test_a_pip_that_brings_nothing_is_given_up(tmp_path: Path) -> None:
    with subprocess.Popen(MUTE, stdout=subprocess.PIPE) as pip:
        with pytest.raises(sources.SourceFailed, match=r"nothing came from it for 0\.3 s"):
            sources._watch_pip(pip, tmp_path, lambda _: None, 0.3)
        pip.kill()


def test_a_site_that_sends_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_begin_and_stop, args=(listener,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
        model: Any = argparse.Namespace(size=100)
        with pytest.raises(sources.SourceFailed, match="ReadTimeout"):
            sources.fetch(HuggingFace("a/b", "c"), model, tmp_path / "part", lambda _: None, 0.3)


def _begin_and_stop(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx")
        peer.recv(1000)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"serve"}))
def test_a_command_that_fails_unexpectedly_says_so_in_a_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise Boom("def secret_of_the_user")

    command = importlib.import_module(f"spark_lsp.cli.{name}")
    monkeypatch.setattr(command, "configure", lambda parser: None)
    monkeypatch.setattr(command, "run", fail)
    assert cli.main([name]) == 1
    told = capsys.readouterr().err
    assert told.startswith("spark-lsp: the command failed unexpectedly: Boom at ")
    assert told.count("\n") == 1
    assert "secret" not in told


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["handler", "read"])
async def test_a_client_that_fails_ends_its_waits(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spark_lsp.client.editor import editing
    from spark_lsp.errors import SparkError

    def fail(*_: object) -> None:
        raise Boom("def secret_of_the_user")

    async with editing({}, tmp_path, command=(sys.executable, SERVER), limit_s=SOON) as editor:
        where: Any = editor.connection
        monkeypatch.setattr(where, "_handler" if place == "handler" else "_receive", fail)
        editor.open("file:///a.py", "a = 1\n", "python")
        with pytest.raises(SparkError, match="spark-lsp failed while it read"):
            await editor.edit("file:///a.py", 0, 1, "instruct", "x")
