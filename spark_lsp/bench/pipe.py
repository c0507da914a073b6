"""A language server on two pipes, driven without an event loop, to measure only the server.

Reads and writes block. Requests from the server get an empty answer; its other messages go to the waiting
caller.
"""

import os
import select
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from spark_lsp import programs
from spark_lsp.client.answers import read_status
from spark_lsp.client.capabilities import initialize_params
from spark_lsp.client.framing import Framer, frame_message
from spark_lsp.errors import SparkError

PATIENCE = 20.0  # seconds for any one message

Message = dict[str, Any]


class Pipe:
    """One running server; `pid` is its process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._input, self._output = process.stdin.fileno(), process.stdout.fileno()
        self._framer = Framer()
        self._read: list[bytes] = []
        self.number = 0  # the last request's id
        self.heard = 0  # messages from the server

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        self.write(frame_message({"method": method, "params": params}))

    def ask(self, method: str, params: object) -> int:
        """Send a request and return its id."""
        self.number += 1
        self.write(frame_message({"id": self.number, "method": method, "params": params}))
        return self.number

    def write(self, data: bytes) -> None:
        """Write bytes, all of them."""
        while data:
            data = data[os.write(self._input, data) :]

    def answer(self, number: int) -> Message:
        """Read until the answer with this id."""
        return self.until(lambda message: message.get("id") == number and "method" not in message)

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        """Read until a wanted message, and return it."""
        while True:
            message = self._next_message()
            if "method" in message and "id" in message:
                self.write(frame_message({"id": message["id"], "result": _answer_nothing(message)}))
            if wanted(message):
                return message

    def _next_message(self) -> Message:
        while not self._read:
            self._read = self._framer.feed(self._read_some())
        self.heard += 1
        return msgspec.json.decode(self._read.pop(0))

    def _read_some(self) -> bytes:
        if select.select([self._output], [], [], PATIENCE)[0] and (data := os.read(self._output, 65_536)):
            return data
        raise SparkError("A language server did not answer", "Nothing was measured")


def _answer_nothing(message: Message) -> object:
    """Return an editor's answer that changes nothing."""
    if message["method"] == "workspace/configuration":
        return [None] * len(message["params"]["items"])
    return None


@contextmanager
def serving(command: Sequence[str], root: Path, env: Mapping[str, str]) -> Generator[Pipe]:
    """Run a language server and initialize it as an editor that shows growing text."""
    pipe = subprocess.PIPE
    with programs.start(command, stdin=pipe, stdout=pipe, bufsize=0, env=env) as process:
        try:
            server = Pipe(process)
            server.answer(
                server.ask("initialize", initialize_params(root.as_uri(), {}, os.getpid(), growing=True))
            )
            server.notify("initialized", {})
            yield server
        finally:
            process.kill()


def settle(server: Pipe) -> None:
    """Wait until the server reports that its engine is ready."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = server.answer(server.ask("workspace/executeCommand", {"command": "spark.status"}))
        told = read_status(status.get("result"))
        if told is not None and told.state == "ready":
            return
        time.sleep(0.05)
    raise SparkError("The language server has no engine", "Nothing was measured")
