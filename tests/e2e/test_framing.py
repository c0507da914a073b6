"""The server on raw pipes: whatever comes in, every request is answered once and nothing is leaked."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

SECRET = "tell_nobody_4711"
INITIALIZE = {"processId": None, "rootUri": None, "capabilities": {"textDocument": {"inlineCompletion": {}}}}
COMPLETE = {
    "textDocument": {"uri": "file:///a.py"},
    "position": {"line": 0, "character": 0},
    "context": {"triggerKind": 2},
}


class Pipe:
    """A server process and its two ends; answers other than notifications are handed out in order."""

    def __init__(self, environment: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "spark_lsp", "serve"]
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, cwd="/"
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def raw(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def body(self, body: bytes) -> None:
        self.raw(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def send(self, **message: Any) -> None:
        self.body(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def read(self) -> dict[str, Any]:
        length = 0
        while (line := self.stdout.readline().strip()) or not length:
            assert line, "the server closed its output"
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.stdout.read(length))

    def answer(self) -> dict[str, Any]:
        """The next answer; the server's own requests are answered, its notifications passed over."""
        while True:
            message = self.read()
            if "method" not in message:
                return message
            if "id" in message:
                self.send(id=message["id"], result=None)

    def ask(self, identity: Any, method: str, params: Any = None) -> dict[str, Any]:
        self.send(id=identity, method=method, params=params)
        return self.answer()

    def initialize(self) -> None:
        assert "result" in self.ask(1, "initialize", INITIALIZE)
        self.send(method="initialized", params={})

    def alive(self) -> None:
        answer = self.ask("ping", "workspace/executeCommand", {"command": "spark.status", "arguments": []})
        assert answer["id"] == "ping"
        assert answer["result"]["state"]

    def end(self) -> tuple[int, str]:
        """Leave in good order; returns the exit code and all that was logged."""
        assert self.ask("end", "shutdown")["result"] is None
        self.send(method="exit")
        _, log = self.process.communicate(timeout=5)
        return self.process.returncode, log.decode()


@pytest.fixture
def pipe(home: dict[str, str], replay_config: Any) -> Iterator[Pipe]:
    started = Pipe(home)
    yield started
    started.process.kill()
    started.process.wait()
    for end in (started.stdin, started.stdout, started.process.stderr):
        with suppress(BrokenPipeError):
            assert end is not None
            end.close()


def test_a_session_in_good_order_ends_with_0(pipe: Pipe) -> None:
    pipe.initialize()
    code, log = pipe.end()
    assert (code, log) == (0, "")


@pytest.mark.parametrize(
    "header",
    [
        b"content-length: %d\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\nContent-Length: %d\r\n\r\n",
        b"CONTENT-LENGTH:%d\r\nX-Other: 1\r\n\r\n",
    ],
)
def test_headers_in_any_case_and_order(pipe: Pipe, header: bytes) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}).encode()
    pipe.raw(header % len(body) + body)
    assert pipe.answer()["id"] == 1


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 200_000, b'{"id": NaN}', b"", b'"\\u12'],
)
def test_what_is_not_json_is_answered_without_an_id(pipe: Pipe, body: bytes) -> None:
    pipe.initialize()
    pipe.body(body)
    answer = pipe.answer()
    assert (answer["id"], answer["error"]["code"]) == (None, -32700)
    pipe.alive()


@pytest.mark.parametrize("body", [b"[]", b"5", b'{"id": 3}', b'{"method": 5, "id": 3}'])
def test_what_is_no_message_is_answered(pipe: Pipe, body: bytes) -> None:
    pipe.initialize()
    pipe.body(body)
    assert pipe.answer()["error"]["code"] == -32600
    pipe.alive()


def test_before_initialize_and_after_shutdown(pipe: Pipe) -> None:
    assert pipe.ask(1, "textDocument/inlineCompletion", COMPLETE)["error"]["code"] == -32002
    pipe.initialize()
    assert pipe.ask(2, "initialize", INITIALIZE)["error"]["code"] == -32600
    assert pipe.ask(3, "shutdown")["result"] is None
    assert pipe.ask(4, "textDocument/inlineCompletion", COMPLETE)["error"]["code"] == -32600
    pipe.send(method="exit")
    assert pipe.process.wait(3) == 0


def test_exit_without_shutdown_is_1(pipe: Pipe) -> None:
    pipe.initialize()
    pipe.send(method="exit")
    assert pipe.process.wait(3) == 1


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no/such", {}, -32601),
        ("no/such", 5, -32601),
        ("textDocument/inlineCompletion", {}, -32602),
        ("textDocument/inlineCompletion", None, -32602),
        ("textDocument/codeAction", {"textDocument": 3}, -32602),
        ("workspace/executeCommand", {"command": "no.such"}, -32602),
        ("workspace/executeCommand", {"command": "spark.edit", "arguments": [{"jsonrpc": SECRET}]}, -32803),
    ],
)
def test_wrong_requests_get_their_code_and_no_traceback(
    pipe: Pipe, method: str, params: Any, code: int
) -> None:
    pipe.initialize()
    answer = pipe.ask(7, method, params)
    assert (answer["id"], answer["error"]["code"]) == (7, code)
    assert "Traceback" not in json.dumps(answer)
    assert SECRET not in json.dumps(answer)
    pipe.alive()


@pytest.mark.parametrize("kind", [0, 1, 2, None])
def test_trigger_kinds_of_older_clients(pipe: Pipe, kind: int | None) -> None:
    pipe.initialize()
    answer = pipe.ask(5, "textDocument/inlineCompletion", {**COMPLETE, "context": {"triggerKind": kind}})
    assert answer["result"] == {"items": []}


def test_an_id_that_is_in_use_is_refused_and_the_first_goes_on(pipe: Pipe, replay_config: Any) -> None:
    replay_config.write_text(replay_config.read_text().replace("delay_ms = 5", "delay_ms = 700"))
    pipe.initialize()
    item = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "def f():\n    "}
    pipe.send(method="textDocument/didOpen", params={"textDocument": item})
    params = {**COMPLETE, "position": {"line": 1, "character": 4}}
    pipe.send(id=9, method="textDocument/inlineCompletion", params=params)
    second = pipe.ask(9, "textDocument/inlineCompletion", params)
    assert (second["id"], second["error"]["code"]) == (9, -32600)
    first = pipe.answer()
    assert first["id"] == 9
    assert first["result"]["items"]


def test_cancels_of_what_is_not_there_are_ignored(pipe: Pipe) -> None:
    pipe.initialize()
    for identity in (1, 1, "x", 77):
        pipe.send(method="$/cancelRequest", params={"id": identity})
    pipe.alive()
    assert pipe.end() == (0, "")


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: many\r\n\r\n",
        b"X: 1\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Length: 100000000000000\r\n\r\n",
        b"x" * 20_000,
    ],
)
def test_a_stream_that_cannot_be_cut_ends_the_server(pipe: Pipe, header: bytes) -> None:
    pipe.initialize()
    pipe.raw(header)
    assert pipe.process.wait(3) == 1


def test_the_end_of_the_input_ends_the_server(pipe: Pipe) -> None:
    pipe.initialize()
    pipe.raw(b"Content-Length: 50\r\n\r\n{")
    pipe.stdin.close()
    assert pipe.process.wait(2) == 1


def test_a_body_that_is_too_large_is_thrown_away(pipe: Pipe) -> None:
    pipe.initialize()
    size = 65 * 1024 * 1024
    before = psutil.Process(pipe.process.pid).memory_info().rss
    pipe.raw(b"Content-Length: %d\r\n\r\n" % size)
    for _ in range(65):
        pipe.raw(b" " * (1024 * 1024))
    assert pipe.answer()["error"]["code"] == -32600
    assert psutil.Process(pipe.process.pid).memory_info().rss - before < 40_000_000
    pipe.alive()


def test_an_editor_that_does_not_read_never_stops_the_server(pipe: Pipe) -> None:
    pipe.initialize()
    command = {"command": "spark.status", "arguments": []}
    count = 3_000
    for identity in range(100, 100 + count):  # more answers than any pipe holds
        pipe.send(id=identity, method="workspace/executeCommand", params=command)
    time.sleep(0.3)  # nothing is read meanwhile
    seen = [pipe.answer()["id"] for _ in range(count)]
    assert sorted(seen) == list(range(100, 100 + count))


def test_no_code_of_the_user_is_ever_logged(pipe: Pipe, home: dict[str, str]) -> None:
    pipe.initialize()
    item = {
        "uri": "file:///a.py",
        "languageId": "python",
        "version": 1,
        "text": f"def {SECRET}():\n    pass\n",
    }
    pipe.send(method="textDocument/didOpen", params={"textDocument": item})
    pipe.send(method="textDocument/didOpen", params={"textDocument": {**item, "version": SECRET}})
    pipe.send(method="textDocument/didChange", params={"contentChanges": SECRET})
    pipe.ask(2, "textDocument/inlineCompletion", COMPLETE)
    code, log = pipe.end()
    assert code == 0
    assert SECRET not in log
    assert "Traceback" not in log
    runtime = home["SPARK_LSP_RUNTIME_DIR"]
    for name in os.listdir(runtime):
        if name.endswith((".log", ".json")):
            with open(f"{runtime}/{name}", encoding="utf-8") as file:
                assert SECRET not in file.read()
