"""The session of a person who uses spark-lsp while the tests run: it must not notice them."""

import json
import os
from pathlib import Path
from typing import Any

from tests.e2e.pipe import INITIALIZE, Pipe


class UsersOwn:
    """A server and its gateway in a home that no test knows of.

    It is started without being waited for, and looked at when all tests are done.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._runtime = Path(environment["SPARK_LSP_RUNTIME_DIR"])
        self._config = folder / "config"
        self._before = self._files()
        self._pipe = Pipe(environment, folder / "server.log")
        self._pipe.send(id="initialize", method="initialize", params=INITIALIZE)
        self._pipe.send(method="initialized", params={})
        self._pipe.open()

    def _files(self) -> dict[str, str]:
        return {str(path): path.read_text("utf-8") for path in self._config.rglob("*") if path.is_file()}

    def gateway(self) -> dict[str, Any]:
        """Return what the state file says of the gateway."""
        return json.loads((self._runtime / "gateway.json").read_text("utf-8"))

    def must_be_unharmed(self) -> None:
        """Assert that the first gateway still serves it, and that its files are as they were."""
        pipe = self._pipe
        try:
            assert pipe.answer()["id"] == "initialize"
            pipe.engine()
            assert pipe.items()[0]["insertText"] == "return a + b"
            states = [status["state"] for status in pipe.told("spark/status")]
            served = states[states.index("ready") :]
            assert set(served) <= {"ready", "busy"}, f"the user's own session was disturbed: {states}"
            os.kill(self.gateway()["pid"], 0)
            assert self._files() == self._before
            assert pipe.end() == 0
            assert pipe.new_log() == ""
        finally:
            pipe.close()
