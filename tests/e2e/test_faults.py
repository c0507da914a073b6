"""What happens when there is no model, and when the gateway dies in the middle: an answer, and a way on."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Pipes = Any
SECRET = "word_of_the_user_42"


def call(identity: object, method: str, params: object = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


def cursor(uri: str, line: int, character: int) -> dict[str, Any]:
    place = {"line": line, "character": character}
    return {"textDocument": {"uri": uri}, "position": place, "context": {"triggerKind": 2}}


def shown(pipes: Pipes) -> list[str]:
    return [
        each["params"]["message"] for each in pipes.messages if each.get("method") == "window/showMessage"
    ]


def gateways(home: dict[str, str]) -> list[int]:
    """Return the process ids of the gateways of a runtime directory."""
    found = Path(home["SPARK_LSP_RUNTIME_DIR"]).glob("gateway-*.sock")
    return [int(socket.stem.removeprefix("gateway-")) for socket in found]


def test_without_a_model_the_person_is_told_once_what_to_do(
    home: dict[str, str], start: Callable[[dict[str, str]], Pipes], tmp_path: Path
) -> None:
    empty = tmp_path / "models"
    empty.mkdir()
    pipes = start({**home, "SPARK_LSP_MODELS": str(empty)})
    pipes.initialize()
    uri = pipes.open(text=f"# {SECRET}\ndef f(a, b):\n    \n")
    pipes.ready()
    for identity in (1, 2, 3):
        answer = pipes.request(identity, "textDocument/inlineCompletion", cursor(uri, 2, 4))
        assert answer["result"] == {"items": []}
    place = {"line": 1, "character": 0}
    argument = {"action": "document", "uri": uri, "range": {"start": place, "end": place}}
    pipes.request(4, "workspace/executeCommand", {"command": "spark.edit", "arguments": [argument]})
    told = pipes.wait(lambda each: each.get("method") == "spark/edit")["params"]
    assert told["state"] == "failed"
    advice = [text for text in shown(pipes) if "spark-lsp model pull" in text]
    assert advice
    assert len(advice) <= 2  # once for suggestions, once as the outcome of the edit that was asked for
    assert SECRET not in pipes.stderr() + "".join(shown(pipes))
    assert "Traceback" not in pipes.stderr()


@pytest.mark.parametrize("what", ["completion", "edit"])
def test_a_gateway_that_is_killed_meanwhile_is_replaced(
    pipes: Pipes, home: dict[str, str], replay_config: Path, what: str
) -> None:
    replay_config.write_text(replay_config.read_text().replace("delay_ms = 5\n", "delay_ms = 1000\n"))
    pipes.initialize()
    uri = pipes.open(text=f"# {SECRET}\ndef f(a, b):\n    \n    return 0\n")
    pipes.ready()
    if what == "completion":
        pipes.send(call(1, "textDocument/inlineCompletion", cursor(uri, 2, 4)))
    else:
        place = {"line": 1, "character": 0}
        argument = {"action": "document", "uri": uri, "range": {"start": place, "end": place}}
        pipes.send(call(1, "workspace/executeCommand", {"command": "spark.edit", "arguments": [argument]}))
        assert pipes.answer(1)["result"]["state"] == "started"
    pipes.wait(lambda each: each.get("method") == "spark/status" and each["params"]["state"] == "busy")
    (killed,) = gateways(home)
    os.kill(killed, signal.SIGKILL)
    if what == "completion":
        assert "result" in pipes.answer(1) or "error" in pipes.answer(1)
    else:
        asked = pipes.wait(lambda each: each.get("method") in ("workspace/applyEdit", "spark/edit"))
        assert asked["method"] == "workspace/applyEdit", asked  # it began again by itself
        pipes.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"applied": True}})
        told = pipes.wait(lambda each: each.get("method") == "spark/edit")["params"]
        assert told["state"] == "applied"
    deadline = time.monotonic() + 10
    for identity in range(2, 1_000):
        answer = pipes.request(identity, "textDocument/inlineCompletion", cursor(uri, 2, 4))
        items = answer["result"]["items"]
        if items:
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert items[0]["insertText"] == "return a + b"
    assert len(pipes.answers(1)) == 1
    assert SECRET not in pipes.stderr() + "".join(shown(pipes))
    assert "Traceback" not in pipes.stderr()


def test_an_action_is_a_command_with_all_that_it_needs(pipes: Pipes) -> None:
    pipes.initialize()
    uri = pipes.open(text="def add(a, b):\n    return a + b\n", version=4)
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    params = {"textDocument": {"uri": uri}, "range": place, "context": {"diagnostics": []}}
    instruct, document = pipes.request(1, "textDocument/codeAction", params)["result"]
    for action, name in ((instruct, "instruct"), (document, "document")):
        (argument,) = action["command"]["arguments"]
        assert action["command"]["command"] == "spark.edit"
        assert argument == {
            "action": name,
            "uri": uri,
            "version": 4,
            "range": place,
            "diagnostics": [],
        }
        assert pipes.request(f"resolve {name}", "codeAction/resolve", action)["result"] == action
    only = {**params, "context": {"diagnostics": [], "only": ["quickfix"]}}
    assert pipes.request(2, "textDocument/codeAction", only)["result"] == []


def test_the_status_names_the_engine_of_the_users_own_routes(
    home: dict[str, str], replay_config: Path, start: Callable[[dict[str, str]], Pipes], tmp_path: Path
) -> None:
    pipes = start({**home, "SPARK_LSP_MODELS": str(tmp_path / "no-models")})
    pipes.initialize()
    pipes.ready()
    told = [each["params"] for each in pipes.messages if each.get("method") == "spark/status"]
    assert {each["engine"] for each in told} <= {"", "replay"}
    assert told[-1]["state"] == "ready"
    uri = pipes.open(text="def f(a, b):\n    \n")
    assert pipes.request(1, "textDocument/inlineCompletion", cursor(uri, 1, 4))["result"]["items"]
    assert shown(pipes) == []  # least of all that a model is missing, which nothing here needs
