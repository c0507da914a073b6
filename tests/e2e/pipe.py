"""A server process on raw pipes, for what no well-behaved client would send."""

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.patience import PATIENCE

SECRET = "tell_nobody_4711"
CAPABILITIES: dict[str, Any] = {
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}}},
    },
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
}
INITIALIZE = {"processId": None, "rootUri": None, "capabilities": CAPABILITIES}
URI = "file:///a.py"
TEXT = f"def {SECRET}(a, b):\n    \n"
COMPLETE = {
    "textDocument": {"uri": URI},
    "position": {"line": 1, "character": 4},
    "context": {"triggerKind": 2},
}
STATUS = {"command": "spark.status", "arguments": []}
SERVE = [sys.executable, "-m", "spark_lsp", "serve"]
SCARCE = ("Traceback", SECRET)  # what may be in no log and no error


def frame_message(body: bytes) -> bytes:
    """Return a body with its header."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def message(**fields: Any) -> bytes:
    """Return a framed message."""
    return frame_message(json.dumps({"jsonrpc": "2.0", **fields}).encode())


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for a condition; whatever it gives is returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.005)
    return found


class Pipe:
    """A server and its two ends; what it logs goes to a file.

    `heard` keeps the server's notifications and requests; the requests are answered.
    """

    def __init__(self, environment: dict[str, str], log: Path, command: Sequence[str] = SERVE) -> None:
        self.log = log
        self._logged = 0
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                cwd="/",
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.heard: list[dict[str, Any]] = []
        self.applied: list[dict[str, Any]] = []  # what was asked of us by workspace/applyEdit
        self._buffer = bytearray()
        self._lock = threading.Lock()

    # Out.

    def raw(self, data: bytes) -> None:
        with self._lock:
            self.stdin.write(data)
            self.stdin.flush()

    def body(self, body: bytes) -> None:
        self.raw(frame_message(body))

    def send(self, **fields: Any) -> None:
        self.raw(message(**fields))

    def open(self, text: str = TEXT, uri: str = URI, version: int = 1, language: str = "python") -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": item})

    def change(self, version: int, *changes: dict[str, Any], uri: str = URI) -> None:
        identifier = {"uri": uri, "version": version}
        params = {"textDocument": identifier, "contentChanges": changes}
        self.send(method="textDocument/didChange", params=params)

    def complete(self, identity: Any, line: int = 1, character: int = 4, uri: str = URI) -> None:
        position = {"line": line, "character": character}
        params = {**COMPLETE, "textDocument": {"uri": uri}, "position": position}
        self.send(id=identity, method="textDocument/inlineCompletion", params=params)

    # In.

    def _fill(self, deadline: float) -> None:
        ready, _, _ = select.select([self.stdout], [], [], max(deadline - time.monotonic(), 0))
        assert ready, "the server said nothing in time"
        piece = os.read(self.stdout.fileno(), 1 << 20)
        assert piece, "the server closed its output"
        self._buffer += piece

    def readable(self, seconds: float) -> bool:
        """Whether something comes within so many seconds."""
        return bool(self._buffer) or bool(select.select([self.stdout], [], [], seconds)[0])

    def read(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next message."""
        deadline = time.monotonic() + seconds
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._fill(deadline)
        header = bytes(self._buffer[:end]).lower()
        length = int(header.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(self._buffer) < end + 4 + length:
            self._fill(deadline)
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        return json.loads(body)

    def answer(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next answer; requests are answered on the way, notifications kept."""
        while True:
            found = self.read(seconds)
            if "method" not in found:
                if "error" in found:
                    assert not any(word in json.dumps(found) for word in SCARCE)
                return found
            if "id" in found:
                self._serve(found)
            self.heard.append(found)

    def _serve(self, request: dict[str, Any]) -> None:
        """Answer the server; an edit is said to have been applied."""
        applies = request["method"] == "workspace/applyEdit"
        if applies:
            self.applied.append(request["params"])
        self.send(id=request["id"], result={"applied": True} if applies else None)

    def answers(self, count: int) -> dict[Any, dict[str, Any]]:
        """That many answers by their ids; none comes twice."""
        found: dict[Any, dict[str, Any]] = {}
        for _ in range(count):
            each = self.answer()
            assert each["id"] not in found, "answered twice"
            found[each["id"]] = each
        return found

    def ask(self, identity: Any, method: str, params: Any = None) -> dict[str, Any]:
        self.send(id=identity, method=method, params=params)
        return self.answer()

    def refused(self, body: bytes) -> tuple[Any, int]:
        """Send a body; the id and the code of the error that answers it."""
        self.body(body)
        found = self.answer()
        return found["id"], found["error"]["code"]

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Listen until a condition holds; pings keep the server talking."""
        deadline, pause = time.monotonic() + seconds, 0.005
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not within {seconds} s; last heard {self.heard[-1:]}"
            self.alive()
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)  # a long wait leaves the processor to what it waits for
        return found

    def told(self, method: str) -> list[Any]:
        """The parameters of all notifications of a method."""
        return [each["params"] for each in self.heard if each["method"] == method]

    # Together.

    def initialize(self, **more: Any) -> None:
        assert "result" in self.ask("initialize", "initialize", {**INITIALIZE, **more})
        self.send(method="initialized", params={})

    def engine(self) -> None:
        """Wait until an engine serves."""
        self.until(lambda: any(status["engine"] for status in self.told("spark/status")))

    def alive(self) -> float:
        """Ping the server; returns the seconds that it worked until its answer.

        Unlike the time that passes, this does not depend on what else the machine does.
        """
        begun = self.worked()
        answer = self.ask("ping", "workspace/executeCommand", STATUS)
        assert answer["id"] == "ping", answer
        assert answer["result"]["state"]
        return self.worked() - begun

    def worked(self) -> float:
        """The processor time that the server has used, in seconds."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def items(self, identity: Any = "items", **where: Any) -> list[dict[str, Any]]:
        """The suggestions at a place."""
        self.complete(identity, **where)
        found = self.answer()
        assert found["id"] == identity, found
        return found["result"]["items"]

    def rss(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss

    def end(self) -> int:
        """Leave in good order; returns the exit code."""
        assert self.ask("end", "shutdown")["result"] is None
        self.send(method="exit")
        return self.process.wait(PATIENCE)

    def new_log(self) -> str:
        """What was logged since this was last asked."""
        with self.log.open("rb") as file:
            file.seek(self._logged)
            found = file.read()
        self._logged += len(found)
        return found.decode("utf-8", "replace")

    def close(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        for end in (self.stdin, self.stdout):
            with suppress(BrokenPipeError):
                end.close()


class Gateway:
    """The user's gateway, as the state file tells of it."""

    def __init__(self, home: dict[str, str]) -> None:
        runtime = Path(home["SPARK_LSP_RUNTIME_DIR"])
        until((runtime / "gateway.json").exists)
        self._state = json.loads((runtime / "gateway.json").read_text("utf-8"))
        self.process = psutil.Process(self._state["pid"])

    def health(self) -> dict[str, Any]:
        return self._get("healthz").json()

    def answers(self, task: str) -> int:
        """How many requests of a task have been answered, or given up."""
        lines = self._get("metrics").text.splitlines()
        counts = [
            line for line in lines if f'task="{task}"' in line and line.startswith("spark_lsp_answers_total")
        ]
        return sum(int(float(line.split()[-1])) for line in counts)

    def _get(self, page: str) -> httpx.Response:
        path = self._state["url"].removeprefix("ws+unix:")
        headers = {"Authorization": f"Bearer {self._state['token']}"}
        with httpx.Client(transport=httpx.HTTPTransport(uds=path), headers=headers) as http:
            return http.get(f"http://gateway/{page}")

    def has_no_work(self) -> None:
        """Told to end, a gateway waits five seconds for what its engines do; an idle one ends at once."""
        self.process.terminate()
        gone(self.process, 3)


def gone(process: psutil.Process, seconds: float = PATIENCE) -> float:
    """Wait for the end of a process that is not our child; how long that took."""
    begun = time.monotonic()
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, seconds)
    return time.monotonic() - begun
