"""Commands beside edits: explanations, and which engine is asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.pipe import STATUS, TEXT, URI, Pipe

EXECUTE = "workspace/executeCommand"
HERE = {"uri": URI, "range": {"start": {"line": 0, "character": 2}, "end": {"line": 1, "character": 0}}}
SAID = "It adds two numbers. " * 8


ENGINES = {"chatty": (SAID, 300), "other": "pass"}


@pytest.fixture
def ready(shared: Pipe) -> Iterator[Pipe]:
    """The module's server with one document open and no engine chosen."""
    shared.heard[:] = [each for each in shared.heard if each["method"] == "spark/status"][-1:]
    shared.open()
    yield shared
    choose(shared, None)
    shared.send(method="textDocument/didClose", params={"textDocument": {"uri": URI}})


def choose(pipe: Pipe, name: str | None) -> None:
    """Have one engine answer everything; with None, those of the configuration."""
    assert run(pipe, "spark.selectEngine", {"engine": name})["result"]["engine"] == (name or "")
    wanted = name or "replay"
    pipe.until(lambda: pipe.ask("status", EXECUTE, STATUS)["result"]["engine"] == wanted)


def run(pipe: Pipe, name: str, *arguments: Any) -> dict[str, Any]:
    return pipe.ask(name, EXECUTE, {"command": name, "arguments": arguments})


def test_an_explanation_grows_and_ends(ready: Pipe) -> None:
    choose(ready, "chatty")
    started = run(ready, "spark.explain", HERE)["result"]
    assert started["state"] == "started"
    told = ready.until(lambda: [each for each in ready.told("spark/explanation") if each["done"]])
    assert told == [
        {"id": started["id"], "uri": URI, "text": SAID, "done": True, "reason": "", "code": "complete"}
    ]
    growth = [each["text"] for each in ready.told("spark/explanation")]
    assert len(growth) > 2
    assert all(SAID.startswith(each) for each in growth)


def test_an_explanation_is_stopped(ready: Pipe) -> None:
    choose(ready, "chatty")
    started = run(ready, "spark.explain", HERE)["result"]
    ready.until(lambda: ready.told("spark/explanation"))
    assert run(ready, "spark.cancel", {"id": started["id"]})["result"]["state"] == "cancelled"
    last = ready.until(lambda: [each for each in ready.told("spark/explanation") if each["done"]])[0]
    assert (last["reason"], last["code"]) == ("stopped by you", "cancelled_by_user")
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
