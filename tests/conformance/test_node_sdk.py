"""The real Node SDK (`openai` and `ws` from npm) over the WebSocket."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

TURNS = Path(__file__).with_name("node") / "turns.mjs"
TEXT = "def add(a, b):\n    return a + b\n"


def test_turns_lanes_a_chain_an_error_and_steering(running: Any, node_modules: Path) -> None:
    done = subprocess.run(
        ["node", str(TURNS), running.http, running.token],
        env={**os.environ, "CLIENTS": str(node_modules.parent)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["plain"], told["final"], told["two"]) == (TEXT, TEXT, TEXT)
    assert told["one"] == "abcd" * 40
    assert told["chained"] is True
    assert told["events"][0] == "response.created"
    assert "previous_response_not_found" in told["failures"][0]
    assert told["interrupted"] == "steered"
    assert told["successor"] == "abcd" * 40
