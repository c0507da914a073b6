"""Where the commands print to may be full, closed or no longer read; none of it is a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shells and devices of POSIX")

COMMANDS = {
    "complete": "complete {file}:3:17",
    "edit": "edit {file} --range 1:3 --instruction 'Document it.'",
    "demo": "demo --json --engine replay",
}
TEXT = "def add(a, b):\n    total = a + b\n    return total\n"
ANSWER = 'def add(a, b):\n    """Add two numbers."""\n    total = a + b\n    return total\n'


@pytest.fixture(autouse=True)
def answer(replay_config: Path) -> None:
    (replay_config.parent / "edit.txt").write_text(ANSWER)
    (replay_config.parent / "complete.txt").write_text(" + 1\n")


def shell(words: str, where: str, home: dict[str, str], file: Path) -> subprocess.CompletedProcess[str]:
    file.write_text(TEXT)
    if words.startswith("demo"):
        home = {**home, "XDG_CONFIG_HOME": "/nonexistent"}  # its replay has a configuration of its own
    command = f"'{sys.executable}' -m spark_lsp {words.format(file=file)} {where}"
    return subprocess.run(
        ["sh", "-c", command], env=home, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_sentence(name: str, home: dict[str, str], tmp_path: Path) -> None:
    done = shell(COMMANDS[name], "> /dev/full", home, tmp_path / "a.py")
    assert done.stderr == "spark-lsp: the output could not be written: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_wants_no_more_is_no_error_to_tell(
    name: str, home: dict[str, str], tmp_path: Path
) -> None:
    done = shell(COMMANDS[name], "| true", home, tmp_path / "a.py")
    assert done.stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_without_a_standard_output_the_work_is_done_all_the_same(
    name: str, home: dict[str, str], tmp_path: Path
) -> None:
    write = " --write" if name == "edit" else ""
    done = shell(COMMANDS[name] + write, ">&-", home, tmp_path / "a.py")
    assert (done.stderr, done.returncode) == ("", 0)
    assert (tmp_path / "a.py").read_text() == (ANSWER if name == "edit" else TEXT)


def gateways(below: Path) -> list[psutil.Process]:
    """The gateways that were started in a directory below this one and still run."""
    found = list[psutil.Process]()
    for process in psutil.process_iter():
        try:
            where = process.environ().get("SPARK_LSP_RUNTIME_DIR", "")
            if "gateway" in process.cmdline() and where.startswith(f"{below}/"):
                found.append(process)
        except psutil.Error:  # it has ended, if only as a zombie
            continue
    return found


# An answer of 1,500 tokens: no machine is so slow that its end comes before the signal.
SLOW = f'''def add(a, b):
    """{" ".join(f"word{number}" for number in range(1500))}"""
    first = int(a)
    second = int(b)
    return sum([first, second])


def multiply(a, b):
    """Multiply two numbers."""
    first = int(a)
    second = int(b)
    return first * second
'''
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def begin_demo(
    home: dict[str, str], place: Path, ignored: tuple[signal.Signals, ...]
) -> subprocess.Popen[bytes]:
    """Start a demonstration that takes half a minute, in a process that ignores just these signals.

    What a process ignores it hands on: without this the tests would depend on how pytest itself was started.
    """
    place.mkdir()
    (file := place.parent / "slow.py").write_text(SLOW)

    def prepare() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    return subprocess.Popen(
        [sys.executable, "-m", "spark_lsp", "demo", "--json", "--engine", "replay", "--file", str(file)],
        env={**home, "XDG_CONFIG_HOME": "/nonexistent", "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
    )


@pytest.mark.parametrize(
    ("end", "step", "ignored"),  # at the first step its gateway still starts
    [
        ("SIGINT", "open", ()),
        ("SIGTERM", "ghost", ()),
        ("SIGHUP", "open", ()),
        ("SIGTERM", "open", (signal.SIGINT,)),  # a shell's background job
        ("SIGINT", "ghost", (signal.SIGINT,)),
        ("SIGHUP", "ghost", (signal.SIGINT,)),
        ("SIGTERM", "ghost", (signal.SIGHUP, signal.SIGINT)),  # with nohup
    ],
)
def test_a_demo_that_is_ended_leaves_nothing(
    end: str, step: str, ignored: tuple[signal.Signals, ...], home: dict[str, str]
) -> None:
    place = Path(home["SPARK_LSP_RUNTIME_DIR"]) / "t"  # a socket's path must be short
    try:
        with begin_demo(home, place, ignored) as demo:
            assert demo.stdout is not None
            assert demo.stderr is not None
            while f'"step":"{step}"'.encode() not in demo.stdout.readline():
                assert demo.poll() is None
            demo.send_signal(getattr(signal, end))
            assert demo.wait(PATIENCE) == 130
            assert demo.stderr.read() == b""
        assert list(place.iterdir()) == []
        assert gateways(place) == []
    finally:
        for process in gateways(place):
            process.kill()


def test_a_demo_with_nohup_goes_on_when_the_terminal_is_closed(home: dict[str, str]) -> None:
    place = Path(home["SPARK_LSP_RUNTIME_DIR"]) / "t"
    with begin_demo(home, place, (signal.SIGHUP,)) as demo:
        assert demo.stdout is not None
        while b'"step":"open"' not in demo.stdout.readline():
            assert demo.poll() is None
        demo.send_signal(signal.SIGHUP)
        assert b'"step":"type"' in demo.stdout.readline()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(PATIENCE) == 130
