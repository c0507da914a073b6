"""What a gateway says of itself: /status and /metrics, to who has the token; and `spark-lsp status`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from spark_lsp import __version__, runtime


@pytest.mark.parametrize("path", ["/status", "/metrics"])
def test_only_who_has_the_token_is_told(running: Any, path: str) -> None:
    assert httpx.get(running.http.removesuffix("/v1") + path).status_code == 401


def test_an_answer_is_counted(running: Any) -> None:
    body = {"model": "replay", "input": "SECRET"}
    httpx.post(f"{running.http}/responses", headers=running.headers, json=body).raise_for_status()
    httpx.post(f"{running.http}/responses", headers=running.headers, json={"model": "broken"})
    told = httpx.get(running.http.removesuffix("/v1") + "/metrics", headers=running.headers).text
    assert 'spark_lsp_answers_total{engine="replay",outcome="stop",task="chat"}' in told
    assert 'outcome="engine_unavailable"' in told
    assert "SECRET" not in told


def test_the_status_names_engines_and_who_serves(running: Any) -> None:
    told = httpx.get(running.http.removesuffix("/v1") + "/status", headers=running.headers).json()
    assert told["serving"]["edit"] == "replay"
    assert {engine["name"] for engine in told["engines"]} >= {"replay", "slow"}
    assert told["waiting"] == 0


def status(where: Path, environment: Any, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "spark_lsp", "status", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(where), check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_the_command_shows_the_running_gateway(start: Any, short: Path, environment: Any) -> None:
    assert status(short, environment)[0] == 3
    with start(short) as started:
        state = runtime.State(started.ready["url"], started.token, started.process.pid, __version__)
        runtime.write_state(short, state)
        code, said = status(short, environment)
        assert (code, "edit → replay" in said) == (0, True)
        code, said = status(short, environment, "--json")
        assert json.loads(said)["pid"] == started.process.pid
    assert json.loads(status(short, environment, "--json")[1]) == {"running": False}
