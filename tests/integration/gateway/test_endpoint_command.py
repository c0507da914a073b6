"""`spark-lsp endpoint` tells a plug-in's user the URL and the token of the gateway on a port."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("folder")


def spark(runtime: Path, environment: Callable[..., dict[str, str]], *words: str) -> Any:
    command = [sys.executable, "-m", "spark_lsp", "endpoint", *words]
    env = environment(runtime)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_url_and_token_of_the_gateway_on_a_port(
    start: Any, environment: Any, short: Path, tmp_path: Path
) -> None:
    with start(short, "--token-file", str(tmp_path / "token")) as running:
        said = json.loads(spark(short, environment, "--json").stdout)
        assert said == {
            "url": running.http,
            "completions": f"{running.http}/completions",
            "token": (tmp_path / "token").read_text(),
        }
        for name in ("url", "completions", "token"):
            assert spark(short, environment, f"--{name}").stdout == f"{said[name]}\n"
        assert f"token: {running.token}" in spark(short, environment).stdout
        headers = {"Authorization": f"Bearer {said['token']}"}
        answer = httpx.post(said["completions"], headers=headers, json={"prompt": "x", "model": "replay"})
        assert answer.status_code == 200
        assert (short / "endpoint.json").stat().st_mode & 0o777 == 0o600
    assert not (short / "endpoint.json").exists()
    gone = spark(short, environment)
    assert (gone.returncode, gone.stdout) == (3, "")
    assert "spark-lsp gateway --port" in gone.stderr


def test_a_token_from_the_environment_is_not_shown(start: Any, environment: Any, short: Path) -> None:
    with start(short, SPARK_LSP_TOKEN="chosen"):
        assert spark(short, environment, "--token").returncode == 3


def test_an_endpoint_whose_process_was_killed_is_not_shown(start: Any, environment: Any, short: Path) -> None:
    with start(short) as running:
        running.process.kill()
        running.process.wait()
        assert (short / "endpoint.json").exists()
        assert spark(short, environment).returncode == 3
        (short / "endpoint.json").unlink()


def test_a_gateway_on_a_unix_socket_is_no_endpoint(start: Any, environment: Any, short: Path) -> None:
    with start(short, "--uds", str(short / "own.sock")):
        assert spark(short, environment).returncode == 3
