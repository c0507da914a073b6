"""A language server that plays a script: one behaviour a word of its command line.

It knows nothing of ours but the protocol, and is written with the standard library alone, so that a
mistake in our framing cannot hide in both ends.
"""

import json
import sys
from typing import Any

SCRIPT = set(sys.argv[1:])
STATUS = {
    "engine": "replay",
    "model": "a text",
    "simulated": False,
    "state": "ready",
    "reason": "",
    "ttft_ms": 12.5,
    "tok_s": 480.0,
}
text, version, asked = "", 0, 0
pending: dict[str, dict] = {}


def read() -> dict | None:
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.decode().partition(":")
        length = int(value) if name.lower() == "content-length" else length
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def write(**message: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    # in two pieces, and with a header that a client must skip
    sys.stdout.buffer.write(b"content-type: x\r\nContent-LENGTH: %d\r\n" % len(body))
    sys.stdout.buffer.flush()
    sys.stdout.buffer.write(b"\r\n" + body)
    sys.stdout.buffer.flush()


def position(line: int, character: int) -> int:
    return sum(len(part) for part in text.split("\n")[:line]) + line + character


def inline_completion(number: int, params: dict) -> None:
    global asked
    asked += 1
    where = params["position"]
    if "die" in SCRIPT:
        sys.stderr.write("the model process is gone\n")
        sys.exit(7)
    if "hang" in SCRIPT:
        return
    if "rubbish" in SCRIPT:
        sys.stdout.buffer.write(b"hello, this is no LSP\r\n\r\n")
        sys.stdout.buffer.flush()
        return
    if "nothing" in SCRIPT:
        STATUS["state"] = "off" if "off" in SCRIPT else "ready"
        STATUS["reason"] = "no model: run `spark-lsp model pull`"
        write(id=number, result={"items": []})
        return
    if "modified" in SCRIPT:
        write(id=number, error={"code": -32801, "message": "the document changed"})
        return
    if "starting" in SCRIPT and asked == 1:
        STATUS["state"] = "starting"
        write(id=number, result=None)
        return
    span = {"start": where, "end": where}
    uri = params["textDocument"]["uri"]
    if "grow" in SCRIPT:  # as the real server does: the first text is the answer, the rest follows
        write(id=number, result={"items": [{"insertText": "return ", "range": span}]})
    for count, grown in enumerate(("return ", "return 1", "return 1 + 1")):
        item = {"insertText": grown, "range": span}
        note = {"token": 1, "uri": uri, "version": version, "seq": count, "item": item, "done": count == 2}
        write(method="spark/inlineCompletion", params=note)
    if "grow" not in SCRIPT:
        write(id=number, result={"items": [{"insertText": "return 1 + 1", "range": span}]})


def execute(number: int, params: dict) -> None:
    if "hang" in SCRIPT and params["command"] == "spark.edit":
        return
    if params["command"] == "spark.status":
        write(id=number, result=STATUS)
        if STATUS["state"] == "starting":
            STATUS["state"] = "ready"
            write(method="spark/status", params=STATUS)
        return
    argument = params["arguments"][0]
    if "invalid" in SCRIPT:
        write(id=number, error={"code": -32602, "message": "the range has changed"})
        return
    write(id=number, result={"id": "e1", "state": "started"})
    if "refuse" in SCRIPT:
        done = {"id": "e1", "state": "refused", "reason": "the answer does not parse"}
        write(method="spark/edit", params=done)
        return
    write(id=90, method="workspace/configuration", params={"items": [{"section": "spark.engine"}]})
    at = argument["range"]["start"]
    new = argument.get("instruction") or "# documented"
    edit = {"range": {"start": at, "end": at}, "newText": f"{new}\n"}
    stale = 5 if "stale" in SCRIPT else 0
    target = {"uri": argument["uri"], "version": argument["version"] - stale}
    pending["e1"] = {"documentChanges": [{"textDocument": target, "edits": [edit]}]}
    write(id=91, method="workspace/applyEdit", params={"edit": pending["e1"]})


def reply(message: dict) -> None:
    if message["id"] == 90:
        STATUS["model"] = json.dumps(message["result"][0])
        return
    applied = message["result"]["applied"]
    state = "applied" if applied else "refused"
    reason = message["result"].get("failureReason", "")
    if applied and not text.startswith(("# ", "loud")) and "loose" not in SCRIPT:
        state, reason = "failed", "the change did not come back before the answer"
    write(method="spark/edit", params={"id": "e1", "state": state, "reason": reason})


def handle(message: dict) -> None:
    global text, version
    method, params = message.get("method"), message.get("params") or {}
    number: Any = message.get("id")
    if method is None:
        reply(message)
    elif method == "initialize":
        write(id=number, result={"capabilities": {"positionEncoding": "utf-32"}})
    elif method == "textDocument/didOpen":
        text, version = params["textDocument"]["text"], params["textDocument"]["version"]
    elif method == "textDocument/didChange":
        version = params["textDocument"]["version"]
        for change in params["contentChanges"]:
            start, end = (position(**change["range"][end]) for end in ("start", "end"))
            text = text[:start] + change["text"] + text[end:]
    elif method == "textDocument/inlineCompletion":
        inline_completion(number, params)
    elif method == "textDocument/codeAction":
        uri = params["textDocument"]["uri"]
        for name in ("instruct", "document"):
            argument = {"action": name, "uri": uri, "version": version, "range": params["range"]}
            offered.append({"title": name, "command": {"command": "spark.edit", "arguments": [argument]}})
        write(id=number, result=[*offered, {"title": "other", "command": "not.ours"}])
        offered.clear()
    elif method == "workspace/executeCommand":
        execute(number, params)
    elif method == "shutdown":
        write(id=number, result=None)
    elif method == "exit":
        sys.exit(0)


offered: list[dict] = []
while (incoming := read()) is not None:
    handle(incoming)
