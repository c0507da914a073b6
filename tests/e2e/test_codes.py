"""Codes beside sentences, from a real server: in its status, its edits and its errors.

Each answer is also read as a client of a release without codes reads it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.codes import Code
from tests.e2e.pipe import CAPABILITIES, STATUS, TEXT, URI, Pipe
from tests.unit.lsp import old_client_texts as old

EXECUTE = "workspace/executeCommand"
BODY = {"start": {"line": 0, "character": 0}, "end": {"line": 2, "character": 0}}
DRAFT = "def pair(a, b):\n    return (a, b)\n"
ENGINES = {
    "quiet": "\n\n",
    "same": TEXT,
    "broken": "def pair(a, b:\n    return (\n",
    "slow": (DRAFT * 40, 30),
}


@pytest.fixture
def ready(shared: Pipe) -> Iterator[Pipe]:
    """The module's server with one document open and the usual engine."""
    shared.heard[:] = [each for each in shared.heard if each["method"] == "spark/status"][-1:]
    shared.open()
    yield shared
    route(shared, None)
    shared.send(method="textDocument/didClose", params={"textDocument": {"uri": URI}})


def run(pipe: Pipe, name: str, *arguments: Any) -> dict[str, Any]:
    return pipe.ask(name, EXECUTE, {"command": name, "arguments": arguments})


def status(pipe: Pipe) -> dict[str, Any]:
    return pipe.ask("status", EXECUTE, STATUS)["result"]


def route(pipe: Pipe, engine: str | None) -> None:
    """Have one engine answer everything."""
    run(pipe, "spark.selectEngine", {"engine": engine})
    pipe.until(lambda: status(pipe)["engine"] == (engine or "replay"))


def outcome(pipe: Pipe, **order: Any) -> dict[str, Any]:
    """Start an edit and wait for its end."""
    started = run(pipe, "spark.edit", {"uri": URI, "range": BODY, "action": "instruct", **order})["result"]
    return pipe.until(lambda: [each for each in pipe.told("spark/edit") if each["id"] == started["id"]])[0]


def refusal(answer: dict[str, Any]) -> tuple[int, str]:
    """Return the number and the code of an error; its sentence is for people and must be there."""
    assert answer["error"]["message"]
    return answer["error"]["code"], answer["error"]["data"]["code"]


# The status.


def test_a_server_that_is_well_says_so(ready: Pipe) -> None:
    ready.until(lambda: status(ready)["state"] == "ready")
    assert status(ready)["code"] == Code.READY
    assert all(each["code"] in set(Code) for each in ready.told("spark/status"))


def test_an_answer_that_adds_nothing(ready: Pipe) -> None:
    route(ready, "quiet")
    assert ready.items() == []
    told = status(ready)
    assert (told["code"], told["state"], told["detail"]) == (Code.NOTHING_TO_ADD, "ready", "")
    assert old.neovim_says(told) is None


@pytest.mark.parametrize(
    ("uri", "code"),
    [("file:///a/.env", Code.SECRET_FILE), ("output:///log", Code.NOT_A_FILE)],
)
def test_a_document_that_stays_in_the_editor(ready: Pipe, uri: str, code: Code) -> None:
    ready.open(uri=uri)
    assert ready.items(uri=uri) == []
    told = ready.told("spark/status")[-1]
    assert told["code"] == code
    assert told["reason"].endswith(f": {told['detail']}")
    assert old.neovim_says(told) == f"spark: {told['reason']}"
    assert old.lasts(told["reason"])
    assert refusal(run(ready, "spark.edit", {"uri": uri, "range": BODY, "action": "document"})) == (
        -32803,
        code,
    )


def test_a_document_that_nobody_opened(ready: Pipe) -> None:
    uri = "file:///never.py"
    assert ready.items(uri=uri) == []
    assert status(ready)["code"] == Code.DOCUMENT_UNUSABLE
    order = {"uri": uri, "range": BODY, "action": "document"}
    assert refusal(run(ready, "spark.edit", order)) == (-32803, Code.DOCUMENT_UNUSABLE)


def test_completions_that_are_switched_off(ready: Pipe) -> None:
    def switch(value: bool) -> None:
        settings = {"spark": {"completion": {"enabled": value}}}
        ready.send(method="workspace/didChangeConfiguration", params={"settings": settings})

    switch(False)
    try:
        ready.until(lambda: ready.items() == [])
        assert status(ready)["code"] == Code.COMPLETIONS_DISABLED
    finally:
        switch(True)
        ready.until(ready.items)


# Edits.


def test_an_edit_that_is_applied(ready: Pipe) -> None:
    done = outcome(ready, instruction="rename `a` to `first`")
    assert (done["state"], done["code"], done["reason"]) == ("applied", Code.APPLIED, "Made without a model")


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("same", Code.NO_CHANGE),
        ("broken", Code.PROPOSAL_DOES_NOT_PARSE),
        ("quiet", Code.ANSWER_UNREADABLE),
    ],
)
def test_an_answer_that_is_not_applied(ready: Pipe, engine: str, code: Code) -> None:
    route(ready, engine)
    done = outcome(ready, instruction="make it better")
    assert (done["state"], done["code"]) == ("refused", code)
    assert done["reason"]


def test_a_rename_that_is_not_safe(ready: Pipe) -> None:
    done = outcome(ready, instruction="rename `a` to `b`")
    assert (done["state"], done["code"]) == ("refused", Code.RENAME_UNSAFE)


def test_an_edit_that_is_stopped(ready: Pipe) -> None:
    route(ready, "slow")
    order = {"uri": URI, "range": BODY, "action": "instruct", "instruction": "go on"}
    started = run(ready, "spark.edit", order)["result"]
    run(ready, "spark.cancel", {"id": started["id"]})
    done = ready.until(lambda: [each for each in ready.told("spark/edit") if each["id"] == started["id"]])[0]
    assert (done["state"], done["code"]) == ("cancelled", Code.CANCELLED_BY_USER)


# Errors.


@pytest.mark.parametrize(
    ("command", "argument", "number", "code"),
    [
        ("spark.edit", None, -32602, Code.INVALID_ARGUMENT),
        ("spark.edit", {"action": "fly"}, -32602, Code.INVALID_ARGUMENT),
        ("spark.edit", {"action": "instruct", "uri": URI, "range": BODY}, -32803, Code.INSTRUCTION_MISSING),
        (
            "spark.edit",
            {"action": "document", "uri": URI, "range": BODY, "version": 99},
            -32803,
            Code.TEXT_CHANGED,
        ),
        ("spark.cancel", {"id": "edit-0"}, -32803, Code.NO_SUCH_JOB),
        ("spark.accept", {}, -32602, Code.INVALID_ARGUMENT),
        ("spark.selectEngine", {"engine": "none"}, -32602, Code.INVALID_ARGUMENT),
    ],
)
def test_an_error_has_a_code_beside_its_sentence(
    ready: Pipe, command: str, argument: Any, number: int, code: Code
) -> None:
    assert refusal(run(ready, command, argument)) == (number, code)


def test_a_request_that_a_newer_one_overtakes(ready: Pipe) -> None:
    route(ready, "slow")
    ready.complete("older")
    ready.complete("newer")
    found = ready.answers(2)
    assert refusal(found["older"]) == (-32801, Code.SUPERSEDED)


# Engines, and the gateway behind them.


def test_engines_have_a_code(ready: Pipe) -> None:
    listed = run(ready, "spark.selectEngine")["result"]["engines"]
    assert {each["code"] for each in listed if each["state"] == "ready"} == {""}


def test_an_engine_without_its_model(pipe: Pipe, tmp_path: Path, replay_config: Path) -> None:
    missing = tmp_path / "none.gguf"
    with replay_config.open("a") as file:
        file.write(f'[engines.lost]\nkind = "local"\nmodel = "{missing}"\n')
    pipe.initialize()
    pipe.engine()
    run(pipe, "spark.selectEngine", {"engine": "lost"})
    told = pipe.until(lambda: [each for each in pipe.told("spark/status") if each["engine"] == "lost"])[-1]
    assert (told["state"], told["code"]) == ("off", Code.MODEL_UNAVAILABLE)
    pipe.open()
    assert pipe.items() == []
    assert status(pipe)["code"] == Code.NO_ANSWER
    assert missing.name in status(pipe)["detail"]
    assert old.neovim_says(status(pipe)) == f"spark: {status(pipe)['reason']}"


def test_the_progress_of_an_edit_counts_its_characters(pipe: Pipe, replay_config: Path) -> None:
    text, pace = ENGINES["slow"]
    (replay_config.parent / "slow.txt").write_text(str(text))
    with replay_config.open("a") as file:
        file.write(f'[engines.slow]\nkind = "replay"\ntext = "slow.txt"\ntokens_per_s = {pace}\n')
    pipe.initialize(capabilities={**CAPABILITIES, "window": {"workDoneProgress": True}})
    pipe.engine()
    pipe.open()
    route(pipe, "slow")
    order = {"uri": URI, "range": BODY, "action": "instruct", "instruction": "go on"}
    started = run(pipe, "spark.edit", order)["result"]

    def reports() -> list[dict[str, Any]]:
        values = [each["value"] for each in pipe.told("$/progress")]
        return [each for each in values if "characters" in each]

    pipe.until(lambda: len(reports()) > 1)
    run(pipe, "spark.cancel", {"id": started["id"]})
    counts = [each["characters"] for each in reports()]
    assert counts == sorted(counts)
    assert all(old.characters(each) is None for each in reports())  # the sentence counts tokens and seconds
