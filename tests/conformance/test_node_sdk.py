"""The real Node SDK (`openai` and `ws` from npm) over the WebSocket and over HTTP."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE

SCRIPTS = Path(__file__).with_name("node")
TEXT = "def add(a, b):\n    return a + b\n"


def told(script: str, running: Any, node_modules: Path) -> dict[str, Any]:
    """Run a script, and return what it says of its turns."""
    done = subprocess.run(
        ["node", str(SCRIPTS / script), running.http, running.token],
        env={**os.environ, "CLIENTS": str(node_modules.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_turns_lanes_a_chain_an_error_and_steering(running: Any, node_modules: Path) -> None:
    said = told("turns.mjs", running, node_modules)
    assert (said["plain"], said["final"], said["two"]) == (TEXT, TEXT, TEXT)
    assert said["one"] == "abcd" * 40
    assert said["chained"] is True
    assert said["events"][0] == "response.created"
    assert "previous_response_not_found" in said["failures"][0]
    assert said["interrupted"] == "steered"
    assert said["successor"] == "abcd" * 40


def test_answers_over_http_whole_and_as_streams(running: Any, node_modules: Path) -> None:
    said = told("http.mjs", running, node_modules)
    assert (said["whole"], said["streamed"], said["added"]) == (TEXT, TEXT, "abcd" * 40)
    assert said["ends"] == ["response.created", "response.completed"]
    assert said["errors"] == [[404, "model_not_found"], [400, "unsupported_parameter"]]
    assert "replay" in said["models"]
