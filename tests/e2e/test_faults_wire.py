"""Faults 1 to 14 and their kin: what comes over the pipes, at the server's own process.

Every request is answered exactly once; no answer and no log holds a traceback or the user's code.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.pipe import (
    COMPLETE,
    INITIALIZE,
    SECRET,
    SERVE,
    STATUS,
    TEXT,
    URI,
    Gateway,
    Pipe,
    frame_message,
    gone,
    message,
    until,
)
from tests.patience import PATIENCE

STALL = float(os.environ.get("SPARK_LSP_TEST_STALL", "3"))  # seconds an editor stops reading; 30 for release
MIB = 1024 * 1024
numbers = itertools.count(1)
GROWING = {"initializationOptions": {"spark": {"client": {"growing": True}}}}
EXECUTE = "workspace/executeCommand"
EDIT = {
    "action": "document",
    "uri": URI,
    "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}},
}


def pace(config: Path, **values: Any) -> None:
    """Change figures of the replay engine."""
    lines = config.read_text("utf-8").splitlines()
    kept = [line for line in lines if line.split(" ")[0] not in values]
    at = kept.index('kind = "replay"') + 1
    kept[at:at] = [f"{name} = {value}" for name, value in values.items()]
    config.write_text("\n".join(kept), "utf-8")


def hanging(pipe: Pipe, config: Path) -> None:
    """Begin with an engine whose first token comes at once and whose second takes a minute."""
    pace(config, tokens_per_s=0.016)
    pipe.initialize(**GROWING)
    pipe.engine()
    pipe.open()


# 1 to 3: headers and bodies.


@pytest.mark.parametrize(
    "header",
    [
        b"content-length: %d\r\n\r\n",
        b"CONTENT-LENGTH:%d\r\nX-Other: 1\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\nContent-Length: %d\r\n\r\n",
        b"content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:   %d  \r\n\r\n",
    ],
)
def test_fault_01_headers_in_any_case_and_order(shared: Pipe, header: bytes) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": EXECUTE, "params": STATUS}).encode()
    shared.raw(header % len(body) + body)
    assert shared.answer()["id"] == 1


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 100000000000\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"X: 1\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
    ids=["100 GB", "negative", "missing", "twice"],
)
def test_fault_02_content_length(pipe: Pipe, header: bytes) -> None:
    pipe.initialize()
    before = pipe.rss()
    peak = Peak(pipe)
    with peak:
        pipe.raw(header)
        assert pipe.process.wait(PATIENCE) == 1
    assert peak.rss - before < 20 * MIB
    assert "cannot continue to read the editor's stream" in pipe.new_log()


def test_fault_02_a_body_above_the_limit_is_skipped_and_the_next_is_found(shared: Pipe) -> None:
    before = shared.rss()
    with Peak(shared) as peak:
        shared.raw(b"Content-Length: %d\r\n\r\n" % (80 * MIB))
        for _ in range(80):
            shared.raw(b" " * MIB)
        assert shared.answer()["error"]["code"] == -32600
    assert peak.rss - before < 20 * MIB


class Peak(threading.Thread):
    """The most memory that a server takes while the block runs."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pipe.process.pid)
        self._over = threading.Event()
        self.rss = 0

    def run(self) -> None:
        while not self._over.wait(0.005):
            try:
                self.rss = max(self.rss, self._process.memory_info().rss)
            except psutil.Error:
                return

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def test_fault_03_truncated_body_then_the_end(pipe: Pipe, replay_config: Path, home: dict[str, str]) -> None:
    hanging(pipe, replay_config)
    pipe.complete(5)
    pipe.until(lambda: pipe.told("spark/inlineCompletion"))  # so the engine is at it
    gateway = Gateway(home)
    assert gateway.health()["sessions"] == 1
    pipe.raw(b"Content-Length: 50\r\n\r\n{")
    pipe.stdin.close()
    assert pipe.process.wait(PATIENCE) == 1
    until(lambda: gateway.health()["sessions"] == 0)
    gateway.has_no_work()


# 4 to 8: messages.


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b'"\xff"', b"\xef\xbb\xbf{}", b"", b'"\\u12', b'{"id": NaN}', b"{'id': 1}"],
)
def test_fault_04_not_json(shared: Pipe, body: bytes) -> None:
    assert shared.refused(body) == (None, -32700)
    shared.alive()


DEEP = b"[" * 200_000 + b"]" * 200_000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        DEEP,
        b'{"a":' * 200_000,
        b'{"jsonrpc":"2.0","id":5,"method":"workspace/executeCommand","params":%b}' % DEEP,
    ],
    ids=["open", "closed", "objects", "in a request"],
)
def test_fault_05_200_000_nested_arrays(shared: Pipe, body: bytes) -> None:
    assert shared.refused(body) == (None, -32700)
    shared.alive()


@pytest.mark.parametrize("depth", [90, 100, 450, 600, 900])
def test_fault_05_nesting_that_json_still_reads_is_answered_with_its_id(shared: Pipe, depth: int) -> None:
    shared.open()
    data = json.loads("[" * depth + "]" * depth)
    assert shared.ask(depth, "codeAction/resolve", {"title": "x", "data": data})["id"] in (depth, None)
    argument = {**EDIT, "instruction": data}
    answer = shared.ask(depth + 1, EXECUTE, {"command": "spark.edit", "arguments": [argument]})
    assert answer["error"]["code"] in (-32602, -32700)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("textDocument/inlineCompletion", {}),
        ("textDocument/inlineCompletion", None),
        ("textDocument/inlineCompletion", 5),
        ("textDocument/inlineCompletion", {**COMPLETE, "position": {"line": SECRET, "character": 0}}),
        ("textDocument/codeAction", {"textDocument": 3}),
        ("codeAction/resolve", [1]),
        (EXECUTE, {"command": 7}),
        (EXECUTE, {"command": "no.such"}),
        (EXECUTE, {"command": "spark.status", "arguments": SECRET}),
    ],
)
def test_fault_06_parameters_of_a_wrong_type(shared: Pipe, method: str, params: Any) -> None:
    answer = shared.ask(7, method, params)
    assert (answer["id"], answer["error"]["code"]) == (7, -32602)
    without = {"jsonrpc": "2.0", "id": "without", "method": method}
    assert shared.refused(json.dumps(without).encode()) == ("without", -32602)


@pytest.mark.parametrize("params", [{}, 5, None, [SECRET]])
def test_fault_07_unknown_method_and_notification(shared: Pipe, params: Any) -> None:
    answer = shared.ask(7, "no/such", params)
    assert (answer["id"], answer["error"]["code"]) == (7, -32601)
    shared.send(method="no/such", params=params)
    shared.send(method="$/noSuch", params=params)
    shared.alive()


def test_fault_08_before_initialize_and_after_shutdown(pipe: Pipe) -> None:
    for identity, method in ((1, "textDocument/inlineCompletion"), (2, "shutdown"), (3, "no/such")):
        answer = pipe.ask(identity, method, COMPLETE)
        assert (answer["id"], answer["error"]["code"]) == (identity, -32002)
    pipe.open()  # ignored
    pipe.initialize()
    assert pipe.ask(4, "initialize", INITIALIZE)["error"]["code"] == -32600
    assert pipe.ask(5, "shutdown")["result"] is None
    for identity, method in ((6, "textDocument/inlineCompletion"), (7, "shutdown"), (8, "initialize")):
        answer = pipe.ask(identity, method, COMPLETE)
        assert (answer["id"], answer["error"]["code"]) == (identity, -32600)
    pipe.send(method="exit")
    assert pipe.process.wait(PATIENCE) == 0
    assert pipe.new_log() == ""


# 9 to 11: ids and cancels.


@pytest.fixture
def choose(shared: Pipe) -> Iterator[Callable[[str], Pipe]]:
    """Have one engine answer everything until the test ends, in a text that no other test has."""

    def select(name: str | None) -> None:
        params = {"command": "spark.selectEngine", "arguments": [{"engine": name}]}
        assert shared.ask("select", EXECUTE, params)["result"]["engine"] == (name or "")
        wanted = name or "replay"
        shared.until(lambda: shared.ask("status", EXECUTE, STATUS)["result"]["engine"] == wanted)

    def chosen(name: str) -> Pipe:
        select(name)
        shared.open(TEXT.replace("(a", f"_{next(numbers)}(a"))  # no answer to an earlier text fits
        return shared

    yield chosen
    select(None)


def test_fault_09_duplicate_id_in_flight(choose: Callable[[str], Pipe]) -> None:
    pipe = choose("late")
    pipe.complete(9)
    pipe.complete(9)
    second = pipe.answer()
    assert (second["id"], second["error"]["code"]) == (9, -32600)
    first = pipe.answer()
    assert first["id"] == 9
    assert first["result"]["items"]
    assert pipe.items(9)  # once answered, the id is free


def test_fault_10_cancels_of_what_is_not_there(pipe: Pipe) -> None:
    pipe.initialize()
    pipe.alive()
    for identity in ("ping", "ping", "never", 77, -1, "") * 500:
        pipe.send(method="$/cancelRequest", params={"id": identity})
    pipe.send(method="$/cancelRequest", params={"id": None})
    pipe.send(method="$/cancelRequest", params={})
    pipe.alive()
    assert pipe.end() == 0
    assert pipe.new_log().count("\n") <= 1


def test_fault_10_a_request_cancelled_twice_is_answered_once(choose: Callable[[str], Pipe]) -> None:
    pipe = choose("stuck")
    pipe.complete(5)
    for _ in range(2):
        pipe.send(method="$/cancelRequest", params={"id": 5})
    assert pipe.answer()["error"]["code"] == -32800
    pipe.alive()


def test_fault_10_an_id_that_is_used_again_right_behind_its_cancel(choose: Callable[[str], Pipe]) -> None:
    pipe = choose("stuck")
    pipe.complete(5)
    cancel = message(method="$/cancelRequest", params={"id": 5})
    pipe.raw(cancel + message(id=5, method=EXECUTE, params=STATUS))
    answers = [pipe.answer(), pipe.answer()]
    assert [each["id"] for each in answers] == [5, 5]
    assert all(each["error"]["code"] in (-32800, -32600) for each in answers if "error" in each)
    pipe.alive()


def test_fault_11_5_000_requests_and_cancels(pipe: Pipe, replay_config: Path, home: dict[str, str]) -> None:
    hanging(pipe, replay_config)
    pipe.alive()
    before, count = pipe.rss(), 5_000
    pinger = Pinger(pipe, count)
    pinger.start()
    overtaken, codes = list[int](), list[int]()
    while len(codes) < count or len(overtaken) < len(pinger.sent) or pinger.is_alive():
        answer = pipe.answer()
        if answer["id"] in pinger.sent:
            overtaken.append(len(codes) - pinger.sent[answer["id"]])
        else:
            codes.append(answer["error"]["code"])
    assert set(codes) == {-32800}
    assert len(codes) == count
    assert max(overtaken) < 500, "a ping was answered after this many later requests"
    assert pipe.rss() - before < 30 * MIB
    pipe.alive()
    Gateway(home).has_no_work()


class Pinger(threading.Thread):
    """Sends pairs of requests and cancels, and pings between them, while the test reads."""

    def __init__(self, pipe: Pipe, count: int) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._count = count
        self.sent: dict[str, int] = {}  # the pings, with the number of requests before each

    def run(self) -> None:
        for number in range(self._count):
            self._pipe.complete(number)
            self._pipe.send(method="$/cancelRequest", params={"id": number})
            if number % 250 == 249:
                identity = f"ping {number}"
                self.sent[identity] = number + 1
                self._pipe.send(id=identity, method=EXECUTE, params=STATUS)


# 12 and 13: an editor that does not read, and one that is gone.


def test_fault_12_an_editor_that_stops_reading(pipe: Pipe, replay_config: Path) -> None:
    """All that is sent meanwhile is taken, so the loop is alive; then everything is there."""
    count = 4_000
    lines = "".join(f"    {number + 1},\n" for number in range(count))
    (replay_config.parent / "edit.txt").write_text(f"values = [\n{lines}]\n")
    pace(replay_config, tokens_per_s=5_000)
    capabilities = {**INITIALIZE["capabilities"], "window": {"workDoneProgress": True}}
    pipe.initialize(capabilities=capabilities, **GROWING)
    pipe.engine()
    pipe.open(f"{TEXT}    return a\n")
    values = "file:///values.py"
    pipe.open("values = [\n" + "    0,\n" * count + "]\n", values)
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": count + 2, "character": 0}}
    edit = {"action": "instruct", "instruction": "count up", "uri": values, "range": whole}
    before = pipe.rss()
    pipe.send(id="edit", method=EXECUTE, params={"command": "spark.edit", "arguments": [edit]})
    assert pipe.answer()["result"]["state"] == "started"
    pipe.until(lambda: pipe.told("$/progress"))
    pipe.complete("ghost")
    deadline = time.monotonic() + STALL
    for number in range(count):  # far more answers than any pipe holds
        pipe.send(id=number, method=EXECUTE, params=STATUS)
        time.sleep(max(0.0, (deadline - time.monotonic()) / (count - number)))
    assert pipe.rss() - before < 40 * MIB
    found = pipe.answers(count + 1)
    assert found["ghost"]["result"]["items"][0]["insertText"] == "return a + b"
    ended = pipe.until(lambda: pipe.told("spark/edit"))
    assert [each["state"] for each in ended] == ["applied"], ended
    (change,) = pipe.applied[0]["edit"]["documentChanges"]
    assert (
        "".join(each["newText"] for each in change["edits"]).count(",") == count - 1
    )  # all, once; the last stays
    kinds = [each["value"]["kind"] for each in pipe.told("$/progress")]
    assert (kinds[0], kinds[-1]) == ("begin", "end")


@pytest.fixture
def editor(home: dict[str, str], replay_config: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that starts the server, as an editor does, and tells its process id; then it sleeps."""
    code = (
        "import subprocess, sys, time\n"
        "server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "server.stdin.write(sys.stdin.buffer.read())\n"
        "server.stdin.flush()\n"
        "server.stdout.readline()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code, *SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**home, "SPARK_LSP_GATEWAY_IDLE": "1"},
    )
    assert started.stdout is not None
    yield started
    started.kill()
    started.wait()
    started.stdout.close()


def test_fault_13_an_editor_that_is_killed(editor: "subprocess.Popen[bytes]", home: dict[str, str]) -> None:
    """The server goes at once, the gateway after its idle time; nothing is left."""
    assert editor.stdin is not None
    assert editor.stdout is not None
    begin = message(id=1, method="initialize", params=INITIALIZE) + message(method="initialized", params={})
    editor.stdin.write(begin)
    editor.stdin.close()
    server = psutil.Process(int(editor.stdout.readline()))
    gateway = Gateway(home)
    until(lambda: gateway.health()["sessions"] == 1)
    editor.send_signal(signal.SIGKILL)
    gone(server)
    gone(gateway.process)


def test_fault_13_an_editor_that_closed_its_end_of_the_output(pipe: Pipe) -> None:
    pipe.initialize()
    pipe.stdout.close()
    pipe.send(id=2, method=EXECUTE, params=STATUS)
    assert pipe.process.wait(PATIENCE) == 1


def test_fault_13_the_process_that_initialize_named_is_gone(pipe: Pipe) -> None:
    """Both pipes stay open, as they do where somebody else has inherited them."""
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    pipe.initialize(processId=parent.pid)
    pipe.alive()
    parent.kill()
    parent.wait()
    assert pipe.process.wait(PATIENCE) == 1


def test_fault_13_a_process_id_that_means_nothing_here_is_not_watched(pipe: Pipe) -> None:
    """An editor may run outside of the container that we are in."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    pipe.initialize(processId=ended.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        pipe.process.wait(1.5)
    pipe.alive()


@pytest.mark.model
def test_fault_13_the_models_process_ends_with_its_gateway(
    home: dict[str, str], model: Path, tmp_path: Path
) -> None:
    pipe = Pipe({**home, "SPARK_LSP_MODELS": str(model.parent)}, tmp_path / "server.log")
    try:
        pipe.initialize()
        pipe.open()
        pipe.complete(3)
        pipe.answer()
        gateway = Gateway(home).process
        children = [each for each in gateway.children() if "--model" in each.cmdline()]
        assert len(children) == 1
        pipe.close()
        gateway.kill()
        gone(children[0])
    finally:
        pipe.close()


# 14: arguments of commands.


HUGE = 10**400
ARGUMENTS = [
    {"jsonrpc": SECRET},
    {"jsonrpc": "2.0", "id": 5, "method": "exit"},
    {"jsonrpc": {"jsonrpc": "2.0"}, "action": "document"},
    None,
    SECRET,
    [EDIT],
    {},
    {**EDIT, "action": "x" * 100_000},
    {**EDIT, "action": [SECRET]},
    {**EDIT, "uri": {"x": SECRET}},
    {**EDIT, "range": HUGE},
    {**EDIT, "range": {"start": {"line": HUGE, "character": 0}, "end": {"line": 0, "character": 0}}},
    {**EDIT, "range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}}},
    {**EDIT, "range": {"start": {"line": 0.5, "character": 0}, "end": {"line": 0, "character": 0}}},
    {**EDIT, "range": {"start": {"line": True, "character": 0}, "end": {"line": 0, "character": 0}}},
    {**EDIT, "version": "1"},
    {**EDIT, "instruction": {"x": 1}},
    {**EDIT, "instruction": "x" * 1_000_000},
    {**EDIT, "diagnostics": SECRET},
    {**EDIT, "diagnostics": [{"range": SECRET}]},
]


@pytest.mark.parametrize("argument", ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_fault_14_arguments_that_cannot_be_used(shared: Pipe, argument: Any) -> None:
    shared.open()
    answer = shared.ask(7, EXECUTE, {"command": "spark.edit", "arguments": [argument]})
    assert (answer["id"], answer["error"]["code"]) == (7, -32602)
    assert len(answer["error"]["message"]) < 500


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"])
@pytest.mark.parametrize("command", [b"spark.edit", b"spark.status", b"spark.cancel"])
def test_fault_14_numbers_that_are_none(shared: Pipe, number: bytes, command: bytes) -> None:
    start = b'{"jsonrpc":"2.0","id":8,"method":"workspace/executeCommand","params":{"command":"%b"' % command
    assert shared.refused(start + b',"arguments":[{"line":%b}]}}' % number) == (8, -32602)
    padding = b'"%b"' % (b" " * 70_000)
    assert shared.refused(start + b',"arguments":[%b,%b]}}' % (padding, number)) == (8, -32602)


def test_fault_14_a_key_named_jsonrpc_is_left_alone(shared: Pipe) -> None:
    action = {"title": "x", "data": {"jsonrpc": "2.0", "id": 1, "method": "exit"}}
    assert shared.ask(7, "codeAction/resolve", action)["result"] == action
    params = {"command": "spark.status", "arguments": [{"jsonrpc": "1.0"}]}
    assert shared.ask(8, EXECUTE, params)["result"]["state"]


# And what else may come.


@pytest.mark.parametrize("identity", [1.5, 1e999, None, {}, [], True, False])
def test_bad_input_an_id_that_is_none(shared: Pipe, identity: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": identity, "method": EXECUTE, "params": STATUS})
    found, code = shared.refused(body.replace("Infinity", "1e999").encode())
    assert (found, code) == (None, -32600)


@pytest.mark.parametrize("identity", [0, -1, 2**63, 10**400, "", "x" * 100_000, "\ud800", "1", 1])
def test_bad_input_an_id_that_is_odd_but_one(shared: Pipe, identity: Any) -> None:
    assert shared.ask(identity, EXECUTE, STATUS)["id"] == identity
    assert shared.ask(identity, EXECUTE, STATUS)["id"] == identity  # free again


@pytest.mark.parametrize("body", [b"[]", b'[{"jsonrpc":"2.0","method":"exit"}]', b"5", b'"x"', b"null"])
def test_bad_input_batches_and_other_values(shared: Pipe, body: bytes) -> None:
    assert shared.refused(body) == (None, -32600)


@pytest.mark.parametrize("body", [b'{"id": 3}', b'{"method": 5, "id": 3}', b'{"method": null, "id": 3}'])
def test_bad_input_an_object_that_is_no_message(shared: Pipe, body: bytes) -> None:
    assert shared.refused(body) == (3, -32600)


@pytest.mark.parametrize("version", ["1.0", 2, None, {}])
def test_bad_input_another_version_of_json_rpc(shared: Pipe, version: Any) -> None:
    body = json.dumps({"jsonrpc": version, "id": 3, "method": EXECUTE, "params": STATUS}).encode()
    shared.body(body)
    assert shared.answer()["id"] == 3


@pytest.mark.parametrize(
    "body",
    [
        {"id": "never asked", "result": {"x": SECRET}},
        {"id": 77, "error": {"code": -1, "message": SECRET}},
        {"id": 77, "error": SECRET},
        {"id": None, "error": {"code": -32700, "message": SECRET}},
        {"id": 77, "result": None, "error": None},
    ],
)
def test_bad_input_an_answer_to_what_was_never_asked(shared: Pipe, body: dict[str, Any]) -> None:
    for _ in range(20):
        shared.send(**body)
    shared.alive()


@pytest.mark.parametrize("key", ["id", "method", "params"])
def test_bad_input_a_key_that_comes_twice(shared: Pipe, key: str) -> None:
    shared.body(
        b'{"jsonrpc":"2.0","%b":5,"id":4,"method":"workspace/executeCommand",'
        b'"params":{"command":"spark.status"}}' % key.encode()
    )
    assert shared.answer()["id"] == 4


def test_bad_input_a_message_in_single_bytes(shared: Pipe) -> None:
    for byte in message(id="bytes", method=EXECUTE, params=STATUS):
        shared.raw(bytes([byte]))
    assert shared.answer()["id"] == "bytes"


def test_bad_input_a_message_cut_inside_a_character(shared: Pipe) -> None:
    text = (
        '{"jsonrpc":"2.0","id":"é😀","method":"workspace/executeCommand","params":{"command":"spark.status"}}'
    )
    whole = frame_message(text.encode())
    for cut in range(whole.index("é".encode()), whole.index(b'","method')):
        shared.raw(whole[:cut])
        time.sleep(0.005)  # so that the pieces are read one by one
        shared.raw(whole[cut:])
        assert shared.answer()["id"] == "é😀"


def test_bad_input_many_messages_in_one_write(shared: Pipe) -> None:
    shared.raw(b"".join(message(id=number, method=EXECUTE, params=STATUS) for number in range(300)))
    assert list(shared.answers(300)) == list(range(300))


def test_bad_input_utf_16(shared: Pipe) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": EXECUTE, "params": STATUS}).encode("utf-16")
    header = b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-16\r\n\r\n"
    shared.raw(header % len(body) + body)
    assert shared.answer()["error"]["code"] == -32700


def test_bad_input_a_flood_of_notifications(shared: Pipe) -> None:
    flood = [
        message(method="textDocument/didChange", params={"contentChanges": SECRET}),
        message(method="textDocument/didClose", params={"textDocument": {"uri": "file:///none"}}),
        message(method="no/such", params=[SECRET]),
        message(method="window/workDoneProgress/cancel", params={"token": SECRET}),
    ]
    shared.new_log()
    with Peak(shared) as peak:
        before = shared.rss()
        shared.raw(b"".join(flood) * 1_000)
        shared.alive()
    assert peak.rss - before < 30 * MIB
    assert shared.new_log().count("\n") <= 2


@pytest.mark.parametrize(
    "header",
    [
        b"x" * 20_000,
        b"X: " + b"y" * MIB + b"\r\nContent-Length: 2\r\n\r\n{}",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["endless", "1 MB", "empty", "HTTP"],
)
def test_bad_input_a_header_that_is_none(pipe: Pipe, header: bytes) -> None:
    with suppress(BrokenPipeError):  # it may leave before it has read all of that
        pipe.raw(header)
    assert pipe.process.wait(PATIENCE) == 1
    assert "cannot continue to read the editor's stream" in pipe.new_log()


def test_bad_input_a_length_smaller_than_its_body(pipe: Pipe) -> None:
    """The first message is no JSON, and what follows is no header: there is no way back."""
    whole = message(id=1, method="initialize", params=INITIALIZE)
    body = whole[whole.index(b"\r\n\r\n") + 4 :]
    pipe.raw(b"Content-Length: %d\r\n\r\n" % (len(body) - 10) + body + message(id=2, method="shutdown"))
    assert pipe.answer()["error"]["code"] == -32700
    assert pipe.process.wait(PATIENCE) == 1


@pytest.mark.parametrize("before", [[], [("shutdown", 3)], [("no/such", 3)]])
def test_bad_input_exit_before_initialize(pipe: Pipe, before: list[tuple[str, int]]) -> None:
    for method, identity in before:
        assert pipe.ask(identity, method)["error"]["code"] == -32002
    pipe.send(method="exit")
    assert pipe.process.wait(PATIENCE) == 1
    assert pipe.new_log() == ""


def test_bad_input_exit_without_shutdown(pipe: Pipe) -> None:
    pipe.initialize()
    pipe.send(method="exit")
    assert pipe.process.wait(PATIENCE) == 1


def test_bad_input_initialize_with_a_strange_workspace(pipe: Pipe) -> None:
    strange = {"rootUri": "untitled:x", "rootPath": 5, "processId": "me", "capabilities": []}
    assert pipe.ask(1, "initialize", strange)["error"]["code"] == -32602
    pipe.initialize(rootUri="http://[", rootPath="\0", workspaceFolders=[], initializationOptions=[SECRET])
    pipe.alive()


def test_a_session_in_good_order_ends_with_0_and_an_empty_log(pipe: Pipe) -> None:
    pipe.initialize()
    assert pipe.end() == 0
    assert pipe.new_log() == ""


@pytest.mark.parametrize("kind", [0, 1, 2, None])
def test_trigger_kinds_of_older_clients(shared: Pipe, kind: int | None) -> None:
    params = {**COMPLETE, "textDocument": {"uri": "file:///no"}, "context": {"triggerKind": kind}}
    assert shared.ask(5, "textDocument/inlineCompletion", params)["result"] == {"items": []}
