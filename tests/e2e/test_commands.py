"""Commands beside edits: explanations, and which engine is asked."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pipe import TEXT, URI, Pipe

EXECUTE = "workspace/executeCommand"
HERE = {"uri": URI, "range": {"start": {"line": 0, "character": 2}, "end": {"line": 1, "character": 0}}}
SAID = "It adds two numbers. " * 8


@pytest.fixture
def ready(pipe: Pipe, replay_config: Path) -> Pipe:
    (replay_config.parent / "chat.txt").write_text(SAID)
    text = replay_config.read_text().replace("texts = {", 'texts = { chat = "chat.txt",')
    text = text.replace("tokens_per_s = 1000", "tokens_per_s = 300")
    replay_config.write_text(f'{text}\n[engines.other]\nkind = "replay"\ntext = "complete.txt"\n')
    pipe.initialize()
    pipe.engine()
    pipe.open()
    return pipe


def run(pipe: Pipe, name: str, *arguments: Any) -> dict[str, Any]:
    return pipe.ask(name, EXECUTE, {"command": name, "arguments": arguments})


def test_an_explanation_grows_and_ends(ready: Pipe) -> None:
    started = run(ready, "spark.explain", HERE)["result"]
    assert started["state"] == "started"
    told = ready.until(lambda: [each for each in ready.told("spark/explanation") if each["done"]])
    assert told == [{"id": started["id"], "uri": URI, "text": SAID, "done": True, "reason": ""}]
    growth = [each["text"] for each in ready.told("spark/explanation")]
    assert len(growth) > 2
    assert all(SAID.startswith(each) for each in growth)


def test_an_explanation_is_stopped(ready: Pipe) -> None:
    started = run(ready, "spark.explain", HERE)["result"]
    ready.until(lambda: ready.told("spark/explanation"))
    assert run(ready, "spark.cancel", {"id": started["id"]})["result"]["state"] == "cancelled"
    last = ready.until(lambda: [each for each in ready.told("spark/explanation") if each["done"]])[0]
    assert last["reason"] == "stopped by you"
    assert last["text"] != SAID


@pytest.mark.parametrize("argument", [None, 7, {}, {"uri": 7}, {"uri": URI}, {**HERE, "range": 1}])
def test_an_explanation_of_nothing_is_refused(ready: Pipe, argument: Any) -> None:
    assert "error" in run(ready, "spark.explain", argument)


def test_a_file_that_must_stay_is_not_explained(ready: Pipe) -> None:
    ready.open(TEXT, "file:///a/.env")
    answer = run(ready, "spark.explain", {**HERE, "uri": "file:///a/.env"})
    assert "Nothing was sent" in answer["error"]["message"]


def test_another_engine_is_chosen_and_given_back(ready: Pipe) -> None:
    listed = run(ready, "spark.selectEngine")["result"]
    assert listed["engine"] == ""
    assert {"replay", "other"} <= {engine["name"] for engine in listed["engines"]}
    assert run(ready, "spark.selectEngine", {"engine": "other"})["result"]["engine"] == "other"
    ready.until(lambda: ready.told("spark/status")[-1]["engine"] == "other")
    assert ready.items()
    assert ready.told("spark/status")[-1]["engine"] == "other"
    assert run(ready, "spark.selectEngine", {"engine": None})["result"]["engine"] == ""
    ready.until(lambda: ready.told("spark/status")[-1]["engine"] == "replay")


def test_an_unknown_engine_is_refused_with_those_there_are(ready: Pipe) -> None:
    message = run(ready, "spark.selectEngine", {"engine": "gpu"})["error"]["message"]
    assert "There is no engine 'gpu'" in message
    assert "other" in message
