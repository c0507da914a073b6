"""A language server that finds undefined names `pd` and unused imports: spark-lsp fixes its diagnostics."""

import json
import re
import sys
from typing import Any


def send(**fields: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", **fields}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def publish(uri: str, text: str) -> None:
    """Report the uses of `pd` in a text that does not import it, and imports that no line uses."""
    missing = [] if "import pandas" in text else re.finditer(r"\bpd\b", text)
    unused = [
        each for each in re.finditer(r"^import (\w+)$", text, re.MULTILINE) if f"{each[1]}." not in text
    ]
    diagnostics = [
        *(describe(text, each.span(), "Undefined name `pd`", severity=1) for each in missing),
        *(
            describe(text, each.span(1), f"`{each[1]}` imported but unused", severity=2, code="F401")
            for each in unused
        ),
    ]
    send(method="textDocument/publishDiagnostics", params={"uri": uri, "diagnostics": diagnostics})


def describe(text: str, span: tuple[int, int], message: str, **more: Any) -> dict[str, Any]:
    """Return a diagnostic of one line."""
    line, column = text.count("\n", 0, span[0]), span[0] - text.rfind("\n", 0, span[0]) - 1
    start, end = {"line": line, "character": column}, {"line": line, "character": column + span[1] - span[0]}
    return {"range": {"start": start, "end": end}, "message": message, **more}


def main() -> None:
    """Serve until the input ends."""
    while header := sys.stdin.buffer.readline():
        while (line := sys.stdin.buffer.readline()).strip():
            header += line
        length = re.search(rb"Content-Length: (\d+)", header)
        assert length is not None
        message = json.loads(sys.stdin.buffer.read(int(length[1])))
        params = message.get("params") or {}
        if message["method"] == "textDocument/didOpen":
            publish(params["textDocument"]["uri"], params["textDocument"]["text"])
        elif message["method"] == "textDocument/didChange":
            publish(params["textDocument"]["uri"], params["contentChanges"][-1]["text"])
        elif "id" in message:  # whole texts are sent to who asks for no changes (1)
            send(id=message["id"], result={"capabilities": {"textDocumentSync": 1}})


main()
