"""A language server that finds undefined names `pd`: the neighbour whose diagnostics spark-lsp fixes."""

import json
import re
import sys
from typing import Any


def send(**fields: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", **fields}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def publish(uri: str, text: str) -> None:
    """Tell where `pd` is used in a text that does not import it."""
    found = [] if "import pandas" in text else list(re.finditer(r"\bpd\b", text))
    diagnostics: list[dict[str, Any]] = []
    for match in found:
        line, column = (
            text.count("\n", 0, match.start()),
            match.start() - text.rfind("\n", 0, match.start()) - 1,
        )
        start, end = {"line": line, "character": column}, {"line": line, "character": column + 2}
        message = "Undefined name `pd`"
        diagnostics.append({"range": {"start": start, "end": end}, "severity": 1, "message": message})
    send(method="textDocument/publishDiagnostics", params={"uri": uri, "diagnostics": diagnostics})


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
