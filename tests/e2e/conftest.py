"""A server at the end of two pipes, spoken to byte by byte: what no well-behaved client would send."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 5.0  # seconds until a condition that must come true counts as failed

Message = dict[str, Any]


def framed(message: object) -> bytes:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Pipes:
    """A `serve` process, and every message and byte of stderr it has written."""

    def __init__(self, environment: dict[str, str], folder: Path, *, reading: bool = True) -> None:
        self.stderr_file = folder / "stderr.txt"
        with self.stderr_file.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spark_lsp", "serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                cwd=folder,
            )
        self.messages: list[Message] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        if reading:
            self.read()

    def read(self) -> None:
        """Begin to read what the server writes."""
        self._reader.start()

    def _read(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        while header := stdout.readline():
            length = int(header.split(b":")[1])
            while stdout.readline() != b"\r\n":
                pass
            message = json.loads(stdout.read(length))
            with self._changed:
                self.messages.append(message)
                self._changed.notify_all()

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, *messages: object) -> None:
        self.send_bytes(b"".join(framed(each) for each in messages))

    def wait(self, wanted: Callable[[Message], object], since: int = 0) -> Message:
        """Return the first message that is wanted."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                found = next((each for each in self.messages[since:] if wanted(each)), None)
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    pytest.fail(f"it never came; there were only {self.messages[since:]}")
                self._changed.wait(left)

    def answer(self, identity: object) -> Message:
        """Return the answer to a request."""
        return self.wait(lambda each: "method" not in each and each["id"] == identity)

    def answers(self, identity: object) -> list[Message]:
        """Return all answers to a request so far: there must be one at most."""
        return [each for each in self.messages if "method" not in each and each["id"] == identity]

    def request(self, identity: object, method: str, params: object = None) -> Message:
        """Send a request and return its answer."""
        self.send(call(identity, method, params))
        return self.answer(identity)

    def refused(self, since: int) -> Message:
        """Return the next error that belongs to no request."""
        return self.wait(lambda each: "error" in each and each["id"] is None, since)["error"]

    def initialize(self, capabilities: Message | None = None, options: object = None) -> Message:
        params = {"processId": None, "rootUri": None, "capabilities": capabilities or GHOST}
        if options is not None:
            params["initializationOptions"] = options
        result = self.request("initialize", "initialize", params)["result"]
        self.send(tell("initialized", {}))
        return result

    def open(self, uri: str = "file:///a.py", text: str = "a = 1\n", version: int = 1) -> str:
        item = {"uri": uri, "languageId": "python", "version": version, "text": text}
        self.send(tell("textDocument/didOpen", {"textDocument": item}))
        return uri

    def ready(self) -> None:
        """Wait until the gateway has told of its engines."""
        self.wait(lambda each: each.get("method") == "spark/status" and each["params"]["engine"])

    def ended(self, within: float = 2.0) -> int:
        """Return the exit code, which must come within so many seconds."""
        return self.process.wait(within)

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def stderr(self) -> str:
        return self.stderr_file.read_text(errors="replace")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        if self._reader.is_alive():
            self._reader.join(5)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


GHOST: Message = {"textDocument": {"inlineCompletion": {}}}


def call(identity: object, method: str, params: object = None) -> Message:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


def tell(method: str, params: object = None) -> Message:
    return {"jsonrpc": "2.0", "method": method, "params": params}


@pytest.fixture
def pipes(home: dict[str, str], replay_config: Path, tmp_path: Path) -> Iterator[Pipes]:
    """A server that has been sent nothing yet."""
    server = Pipes(home, tmp_path)
    yield server
    server.end()


@pytest.fixture
def unread(home: dict[str, str], replay_config: Path, tmp_path: Path) -> Iterator[Pipes]:
    """A server whose output nobody reads until `read` is called."""
    server = Pipes(home, tmp_path, reading=False)
    yield server
    server.end()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Pipes]]:
    """Starts servers with an environment of the test's own."""
    servers: list[Pipes] = []

    def start(environment: dict[str, str]) -> Pipes:
        servers.append(Pipes(environment, tmp_path))
        return servers[-1]

    yield start
    for server in servers:
        server.end()
