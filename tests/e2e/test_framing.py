"""The language server against bytes that no well-behaved editor sends; each case over real pipes."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR, NOT_INITIALIZED, CANCELLED = -32603, -32002, -32800
SECRET = "pass" + "word_of_the_user_42"  # stands in the user's text; must be seen nowhere else

Pipes = Any


def call(identity: object, method: str, params: object = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


def tell(method: str, params: object = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def at(uri: str, line: int = 0, character: int = 0, **more: object) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}, **more}


def alive(pipes: Pipes, identity: object) -> None:
    """Assert that the server still answers."""
    params = {"command": "spark.status", "arguments": []}
    assert "state" in pipes.request(identity, "workspace/executeCommand", params)["result"]


def quiet(pipes: Pipes) -> None:
    """Assert that neither the user's text nor a traceback has got out."""
    everything = pipes.stderr() + json.dumps(pipes.messages)
    assert SECRET not in pipes.stderr()
    assert "Traceback" not in everything
    assert "traceback" not in everything


NOT_JSON = {
    "cut off": b'{"jsonrpc":"2.0","id":7,"method":',
    "byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","id":7,"method":"shutdown"}',
    "not UTF-8": b'{"jsonrpc":"2.0","id":7,"method":"\xff"}',
    "deep, unclosed": b"[" * 200_000,
    "deep, closed": b"[" * 200_000 + b"]" * 200_000,
    "NaN": b'{"jsonrpc":"2.0","id":NaN,"method":"shutdown"}',
    "nothing": b"",
    "a long number": b"9" * 5_000,
}
NO_MESSAGE = (b"[]", b"1", b'"text"', b"null", b"{}", b'{"jsonrpc":"2.0","id":null}')
NO_ID = (None, True, 1.5, [1], {"a": 1})


def test_what_is_not_json_is_answered_without_an_id_and_the_next_request_works(pipes: Pipes) -> None:
    pipes.initialize()
    for name, body in NOT_JSON.items():
        since = len(pipes.messages)
        pipes.send(body)
        assert pipes.refused(since)["code"] == PARSE_ERROR, name
        alive(pipes, name)
    quiet(pipes)


def test_json_that_is_no_message_is_an_invalid_request(pipes: Pipes) -> None:
    pipes.initialize()
    for number, body in enumerate(
        (*NO_MESSAGE, *(json.dumps(call(each, "shutdown")).encode() for each in NO_ID))
    ):
        since = len(pipes.messages)
        pipes.send(body)
        assert pipes.refused(since)["code"] == INVALID_REQUEST, body
        alive(pipes, number)
    quiet(pipes)


@pytest.mark.parametrize(
    "header",
    [
        b"content-length: %d\r\n\r\n",
        b"CONTENT-LENGTH:%d\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\nContent-Length: %d\r\n\r\n",
        b"Content-Length:   %d  \r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        b"X-Other: 1\r\ncontent-LENGTH: %d\r\nContent-Length: %d\r\n\r\n",
    ],
)
def test_headers_in_any_case_and_order_are_read(pipes: Pipes, header: bytes) -> None:
    params = {"processId": None, "rootUri": None, "capabilities": {}}
    body = json.dumps(call(1, "initialize", params)).encode()
    pipes.send_bytes(header.replace(b"%d", str(len(body)).encode()) + body)
    assert pipes.answer(1)["result"]["serverInfo"]["name"] == "spark-lsp"


def test_a_message_may_come_byte_by_byte(pipes: Pipes) -> None:
    params = {"processId": None, "rootUri": None, "capabilities": {}}
    body = json.dumps(call("ü", "initialize", params), ensure_ascii=False).encode()
    for byte in b"Content-Length: %d\r\n\r\n" % len(body) + body:
        pipes.send_bytes(bytes([byte]))
    assert "result" in pipes.answer("ü")


def test_a_body_that_is_too_large_is_thrown_away_and_the_next_is_found(pipes: Pipes) -> None:
    import psutil

    pipes.initialize()
    alive(pipes, 1)
    before = psutil.Process(pipes.process.pid).memory_info().rss
    size = 65 * 1024 * 1024
    pipes.send_bytes(b"Content-Length: %d\r\n\r\n" % size)
    for _ in range(65):
        pipes.send_bytes(b" " * (1024 * 1024))
    assert pipes.refused(0)["code"] == INVALID_REQUEST
    alive(pipes, 2)
    assert psutil.Process(pipes.process.pid).memory_info().rss - before < 40 * 1024 * 1024


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 107374182400000\r\n\r\n",
        b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: ten\r\n\r\n",
        b"Content-Length: \xb2\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Type: a\r\n\r\n",
        b"\r\n\r\n",
        b"x" * 100_000,
    ],
)
def test_a_stream_that_cannot_be_cut_into_messages_ends_the_server(pipes: Pipes, header: bytes) -> None:
    pipes.initialize()
    with suppress(BrokenPipeError):
        pipes.send_bytes(header + b"hello")
    assert pipes.ended() == 1
    quiet(pipes)


def test_before_initialize_requests_are_refused_and_notifications_dropped(pipes: Pipes) -> None:
    uri = pipes.open()
    answer = pipes.request(1, "textDocument/inlineCompletion", at(uri, context={"triggerKind": 1}))
    assert answer["error"]["code"] == NOT_INITIALIZED
    assert pipes.request(2, "shutdown")["error"]["code"] == NOT_INITIALIZED
    assert "capabilities" in pipes.initialize()


def test_the_second_initialize_is_refused(pipes: Pipes) -> None:
    pipes.initialize()
    answer = pipes.request(2, "initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    assert answer["error"]["code"] == INVALID_REQUEST


def test_an_initialize_that_does_not_fit_may_be_tried_again(pipes: Pipes) -> None:
    assert pipes.request(1, "initialize", {"capabilities": 5})["error"]["code"] == INVALID_PARAMS
    assert "capabilities" in pipes.initialize()


def test_after_shutdown_requests_are_refused(pipes: Pipes) -> None:
    pipes.initialize()
    assert pipes.request(1, "shutdown")["result"] is None
    assert pipes.request(2, "shutdown")["error"]["code"] == INVALID_REQUEST
    assert pipes.request(3, "no/such")["error"]["code"] == INVALID_REQUEST
    pipes.send(tell("exit"))
    assert pipes.ended() == 0


def test_exit_without_shutdown_is_a_failure(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.send(tell("exit"))
    assert pipes.ended() == 1


def test_exit_before_initialize_ends_too(pipes: Pipes) -> None:
    pipes.send(tell("exit"))
    assert pipes.ended(within=5) == 1


@pytest.mark.parametrize("prepared", [False, True])
def test_the_end_of_input_ends_the_server(pipes: Pipes, prepared: bool) -> None:
    if prepared:
        pipes.initialize()
        pipes.ready()
    pipes.send_bytes(b"Content-Length: 500\r\n\r\n{")  # and in the middle of a message
    begun = time.monotonic()
    pipes.close_input()
    assert pipes.ended(within=2.0 if prepared else 5.0) == 1
    assert time.monotonic() - begun < 5
    quiet(pipes)


def test_unknown_methods_are_answered_and_unknown_notifications_are_not(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.send(tell("no/such", {"a": SECRET}), tell("$/unknown", 5))
    assert pipes.request(1, "no/such", {"a": SECRET})["error"]["code"] == METHOD_NOT_FOUND
    assert pipes.request(2, "no/such", 5)["error"]["code"] == METHOD_NOT_FOUND  # before its parameters
    assert pipes.request(3, "$/unknown")["error"]["code"] == METHOD_NOT_FOUND
    assert [each for each in pipes.messages if "error" in each and each["id"] is None] == []
    quiet(pipes)


UNFIT = [
    ("textDocument/inlineCompletion", None),
    ("textDocument/inlineCompletion", {"textDocument": SECRET}),
    ("textDocument/inlineCompletion", {"textDocument": {"uri": "file:///a.py"}}),
    ("textDocument/inlineCompletion", at("file:///a.py", -1)),
    ("textDocument/inlineCompletion", [SECRET]),
    ("textDocument/codeAction", {"textDocument": {"uri": 5}, "range": 3}),
    ("codeAction/resolve", {"kind": SECRET}),
    ("workspace/executeCommand", {"arguments": [SECRET]}),
    ("workspace/executeCommand", {"command": "no.such", "arguments": [SECRET]}),
    ("workspace/executeCommand", {"command": "spark.status", "arguments": 7}),
]


def test_parameters_that_do_not_fit_are_named_as_such_with_the_id(pipes: Pipes) -> None:
    pipes.initialize()
    for method, params in [*UNFIT, *UNFIT]:  # the same id again and again: it must be free each time
        since = len(pipes.messages)
        pipes.send(call(5, method, params))
        error = pipes.wait(lambda each: each.get("id") == 5 and "error" in each, since)["error"]
        assert error["code"] == INVALID_PARAMS, (method, params)
        assert SECRET not in json.dumps(error)
    alive(pipes, 6)
    quiet(pipes)


EDIT_ARGUMENTS = [
    None,
    5,
    {},
    {"action": "instruct", "uri": "file:///a.py", "range": 5},
    {
        "action": "document",
        "uri": "file:///a.py",
        "range": {"start": {"line": 1e999, "character": 0}, "end": {"line": 0, "character": 0}},
    },
    {"action": "no", "uri": "file:///a.py"},
    {"action": "document", "uri": "file:///other.py", "range": None},
    {
        "action": "document",
        "uri": "file:///a.py",
        "range": {"start": {"line": 1e308, "character": 0}, "end": {"line": 0, "character": 0}},
    },
    {
        "action": "document",
        "uri": "file:///a.py",
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
        "diagnostics": 5,
    },
    {
        "action": "fix",
        "uri": "file:///a.py",
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
        "diagnostics": [5],
    },
]


def test_an_edit_whose_argument_cannot_be_used_is_refused_in_words(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.ready()
    pipes.open()
    for number, argument in enumerate(EDIT_ARGUMENTS):
        params = {"command": "spark.edit", "arguments": [argument]}
        body = json.dumps(call(number, "workspace/executeCommand", params))
        pipes.send(body.replace("Infinity", "1e999").encode())
        error = pipes.answer(number)["error"]
        assert error["code"] == -32803, argument
        assert "Nothing was done" in error["message"] or "cannot be edited" in error["message"]
    quiet(pipes)


def test_an_argument_may_hold_any_keys_and_be_deep(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.ready()
    deep: Any = SECRET
    for _ in range(400):
        deep = {"jsonrpc": "1", "id": [deep], "method": {}}
    params = {"command": "spark.status", "arguments": [deep, {"jsonrpc": "3.0"}]}
    assert "state" in pipes.request(1, "workspace/executeCommand", params)["result"]
    quiet(pipes)


def test_an_id_that_is_in_use_is_refused_and_the_first_request_finishes(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.ready()
    uri = pipes.open(text="def f(a, b):\n    \n")
    params = at(uri, 1, 4, context={"triggerKind": 1})
    pipes.send(
        call(9, "textDocument/inlineCompletion", params), call(9, "textDocument/inlineCompletion", params)
    )
    pipes.wait(lambda each: each.get("id") == 9 and "result" in each)
    error = pipes.wait(lambda each: each.get("id") == 9 and "error" in each)["error"]
    assert error["code"] == INVALID_REQUEST
    assert len(pipes.answers(9)) == 2


def test_an_id_is_free_once_it_is_answered(pipes: Pipes) -> None:
    pipes.initialize()
    for identity in (0, 1, "", "0", -7, 2**53):
        for count in (1, 2, 3):
            params = {"command": "spark.status", "arguments": []}
            pipes.send(call(identity, "workspace/executeCommand", params))
            pipes.wait(lambda _, each=identity, count=count: len(pipes.answers(each)) == count)
        assert all("result" in each for each in pipes.answers(identity)), identity


def test_any_trigger_kind_is_answered(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.ready()
    uri = pipes.open(text="def f(a, b):\n    \n")
    for number, context in enumerate(({}, *({"triggerKind": kind} for kind in (0, 1, 2, 3, None, "1")))):
        answer = pipes.request(number, "textDocument/inlineCompletion", at(uri, 1, 4, context=context))
        assert answer["result"]["items"][0]["insertText"] == "return a + b", context


def test_cancelling_what_is_not_there_does_nothing(pipes: Pipes) -> None:
    pipes.initialize()
    for identity in (5, "5", "initialize", 0, -1):
        pipes.send(tell("$/cancelRequest", {"id": identity}), tell("$/cancelRequest", {"id": identity}))
    pipes.send(tell("$/cancelRequest"), tell("$/cancelRequest", {"id": [5]}))
    alive(pipes, 1)
    assert not [each for each in pipes.messages if "error" in each]
    assert len(pipes.stderr().splitlines()) <= 2


def test_an_answer_to_no_question_is_ignored(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.send({"jsonrpc": "2.0", "id": 77, "result": SECRET})
    pipes.send({"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": SECRET}})
    pipes.send({"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": SECRET}})
    pipes.send({"jsonrpc": "2.0", "id": "x", "error": 5})
    alive(pipes, 1)
    quiet(pipes)


def test_notifications_with_parameters_that_do_not_fit_are_dropped(pipes: Pipes) -> None:
    pipes.initialize()
    for method in ("didOpen", "didChange", "didClose"):
        pipes.send(tell(f"textDocument/{method}", {"textDocument": SECRET}), tell(f"textDocument/{method}"))
    pipes.send(tell("workspace/didChangeConfiguration", 5), tell("window/workDoneProgress/cancel", {}))
    pipes.send(tell("window/workDoneProgress/cancel", {"token": "no-such"}))
    alive(pipes, 1)
    quiet(pipes)


def test_lone_surrogates_in_the_text_do_no_harm(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.ready()
    uri = pipes.open(text="x = '\ud800'\ndef f(a, b):\n    \n")
    answer = pipes.request("\ud800", "textDocument/inlineCompletion", at(uri, 2, 4, context={}))
    assert "result" in answer or "message" in answer["error"]
    alive(pipes, 1)
    quiet(pipes)


def test_a_burst_of_requests_and_cancels_is_answered_one_for_one(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.ready()
    uri = pipes.open(text=f"# {SECRET}\ndef f(a, b):\n    \n")
    count = 1_000
    for number in range(count):
        params = at(uri, 2, 4, context={"triggerKind": 2})
        pipes.send(
            call(number, "textDocument/inlineCompletion", params), tell("$/cancelRequest", {"id": number})
        )
    begun = time.monotonic()
    alive(pipes, "after")
    assert time.monotonic() - begun < 5
    for number in range(count):
        answers = [pipes.answer(number)]
        assert "result" in answers[0] or answers[0]["error"]["code"] in (CANCELLED, -32801)
    identities = [each["id"] for each in pipes.messages if "method" not in each]
    assert len(identities) == len(set(identities))
    quiet(pipes)


def test_an_editor_that_stops_reading_does_not_stop_the_server(unread: Pipes) -> None:
    params = {"processId": None, "rootUri": None, "capabilities": {}}
    unread.send(call("i", "initialize", params), tell("initialized", {}))
    uri = unread.open()
    status = {"command": "spark.status", "arguments": []}
    for number in range(3_000):  # far more than a pipe holds, in both directions
        unread.send(call(number, "workspace/executeCommand", status))
    unread.send(
        tell(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": "def f():\n"}]},
        )
    )
    unread.read()
    for number in (0, 1_500, 2_999):
        assert "result" in unread.answer(number)
    alive(unread, "after")


def test_an_editor_that_closes_its_end_ends_the_server(pipes: Pipes) -> None:
    pipes.initialize()
    pipes.ready()
    uri = pipes.open(text=f"def f(a, b):\n    # {SECRET}\n    \n")
    pipes.send(call(1, "textDocument/inlineCompletion", at(uri, 2, 4, context={"triggerKind": 1})))
    pipes.close_input()
    assert pipes.ended() == 1
    assert len(pipes.answers(1)) <= 1
    quiet(pipes)
