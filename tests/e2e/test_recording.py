"""A session that the user wants recorded: real typing at a real server, its rows, and their replay."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.simulate.recorded import ACCEPT, COMPLETE, EDIT, REJECT, TYPE, Event
from spark_lsp.store.recording import Recording
from tests.e2e.pipe import TEXT, Pipe

SAID = "return a + b"
TYPED = "zebra_crossing = 7"
EXECUTE = "workspace/executeCommand"
Start = Callable[..., Pipe]


def options(*, record: bool) -> dict[str, Any]:
    spark = {"client": {"growing": True, "rejects": True}, "stats": {"record": record}}
    return {"initializationOptions": {"spark": spark}}


@pytest.fixture
def start(home: dict[str, str], replay_config: Path, tmp_path: Path) -> Iterator[Start]:
    running: list[Pipe] = []

    def start(*, record: bool = True, uri: str = "file:///a.py") -> Pipe:
        pipe = Pipe(home, tmp_path / "log")
        running.append(pipe)
        pipe.initialize(**options(record=record))
        pipe.engine()
        pipe.open(TEXT, uri)
        return pipe

    yield start
    for pipe in running:
        pipe.close()


@pytest.fixture
def recording(home: dict[str, str]) -> Recording:
    return Recording(Path(home["XDG_STATE_HOME"]) / "spark-lsp")


def run(pipe: Pipe, name: str, argument: Any) -> dict[str, Any]:
    return pipe.ask(name, EXECUTE, {"command": name, "arguments": [argument]})


def token_of(item: dict[str, Any]) -> int:
    return item["command"]["arguments"][0]["token"]


def type_keys(pipe: Pipe, text: str, version: int, uri: str = "file:///a.py") -> int:
    """Type key by key in the second line; return the next version."""
    for number, key in enumerate(text):
        at = {"line": 1, "character": 4 + number}
        pipe.change(version + number, {"range": {"start": at, "end": at}, "text": key}, uri=uri)
    return version + len(text)


def events(pipe: Pipe, recording: Recording, *kinds: str) -> list[Event]:
    """The events of the recording, once it has all these kinds."""

    def complete() -> list[Event]:
        found = recording.load()
        return found if set(kinds) <= {event.kind for event in found} else []

    return pipe.until(complete)


def feel(home: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_lsp", "simulate", "feel", "--mine", *words]
    return subprocess.run(command, env=home, capture_output=True, text=True, timeout=120)


def test_a_session_is_recorded_without_text_and_replayed(
    start: Start, recording: Recording, home: dict[str, str]
) -> None:
    pipe = start()
    [item] = pipe.items()
    assert item["insertText"] == SAID
    version = type_keys(pipe, SAID, 2)
    run(pipe, "spark.accept", {"token": token_of(item)})
    pipe.open(TEXT, "file:///secret_name.py")
    [item] = pipe.items(uri="file:///secret_name.py")
    run(pipe, "spark.reject", {"token": token_of(item)})
    type_keys(pipe, TYPED, version)
    end = {"line": 2, "character": 0}
    where = {"start": {"line": 0, "character": 0}, "end": end}
    target = {"action": "instruct", "uri": "file:///a.py", "range": where, "instruction": "zebra words"}
    run(pipe, "spark.edit", target)
    found = events(pipe, recording, COMPLETE, ACCEPT, REJECT, TYPE, EDIT)
    pipe.end()
    answers = [event for event in found if event.kind == COMPLETE]
    assert all(0 < event.first_s <= event.seconds < 60 for event in answers)
    assert all(event.prompt_tokens > 0 and event.output_tokens > 0 for event in answers)
    assert any(event.waited for event in answers)
    assert [event.chars for event in found if event.kind == ACCEPT] == [len(SAID)]
    assert sum(event.chars for event in found if event.kind == TYPE) >= len(SAID)
    kept = b"".join(each.read_bytes() for each in recording.file.parent.glob("recording.sqlite3*"))
    for word in (b"return", b"zebra", b"secret_name", b".py", b"a + b", b"def "):
        assert word not in kept

    done = feel(home)
    assert done.returncode == 0, done.stderr
    assert "Your own recording:" in done.stdout
    assert "1 suggestions accepted, 1 rejected" in done.stdout
    assert "cannot know" in done.stdout
    assert "4,000 against 65 tokens/s" in done.stdout
    answer = json.loads(feel(home, "--day", found[0].day, "--json").stdout)
    assert answer["recorded"]["counts"][ACCEPT] == 1
    assert answer["sessions"][0]["speed_up"] == 1
    refused = feel(home, "--day", "1999-01-01")
    assert refused.returncode == 1
    assert f"Choose from {found[0].day}" in refused.stderr
    forget = [sys.executable, "-m", "spark_lsp", "stats", "--forget"]
    assert (
        "recorded events deleted" in subprocess.run(forget, env=home, capture_output=True, text=True).stdout
    )
    assert feel(home).returncode == 3


def test_nothing_is_recorded_unless_the_user_wants_it(start: Start, recording: Recording) -> None:
    pipe = start(record=False)
    [item] = pipe.items()
    type_keys(pipe, SAID, 2)
    run(pipe, "spark.accept", {"token": token_of(item)})
    history = recording.file.with_name("history.sqlite3")
    pipe.until(history.exists)  # written by the same outcome
    pipe.end()
    assert not recording.file.exists()


def test_a_project_may_switch_the_recording_off_only_for_itself(
    start: Start, recording: Recording, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".spark.toml").write_text("[stats]\nrecord = false\n")
    uri = (folder / "a.py").as_uri()
    pipe = start(uri=uri)
    [item] = pipe.items(uri=uri)
    type_keys(pipe, SAID, 2, uri=uri)
    run(pipe, "spark.accept", {"token": token_of(item)})
    pipe.open(TEXT, "file:///b.py")
    [item] = pipe.items(uri="file:///b.py")
    run(pipe, "spark.reject", {"token": token_of(item)})
    assert {event.kind for event in events(pipe, recording, REJECT, COMPLETE)} == {COMPLETE, REJECT}


def test_a_project_cannot_switch_the_recording_on(start: Start, recording: Recording, tmp_path: Path) -> None:
    (tmp_path / ".spark.toml").write_text("[stats]\nrecord = true\n")
    uri = (tmp_path / "a.py").as_uri()
    pipe = start(record=False, uri=uri)
    [item] = pipe.items(uri=uri)
    run(pipe, "spark.reject", {"token": token_of(item)})
    pipe.until(recording.file.with_name("history.sqlite3").exists)
    pipe.end()
    assert not recording.file.exists()
