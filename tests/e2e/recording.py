"""A gateway that keeps every message it receives, and a person at an editor in front of it.

The gateway speaks the real wire over a real socket. What is not in `received` never left the server.
"""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import UNSET
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.request import EngineInfo, Request
from spark_lsp.wire import server as wire
from spark_lsp.wire.server_events import RequestReceived
from tests.e2e.pipe import Pipe, until

ENGINE = "recorder"
ANSWER = "return a + b"
numbers = itertools.count(1)


class RecordingGateway:
    """Answers each request with one line, and records the text of each message."""

    def __init__(self, beside_tokens: int = 0) -> None:
        self.received: list[str] = []
        self.requests: list[Request] = []
        self._info = EngineInfo(ENGINE, "replay", "m", beside_budget=beside_tokens or UNSET)
        self._server: Server | None = None

    def _talk(self, socket: ServerConnection) -> None:
        connection = wire.ServerConnection("r", spark=True)
        routes: dict[str, str] = dict.fromkeys(("completion", "edit", "chat"), ENGINE)
        connection.greet("1", [self._info], routes)
        try:
            self._flush(socket, connection)
            for message in socket:
                self.received.append(message if isinstance(message, str) else message.decode())
                for event in connection.receive(message, time.time()):
                    if isinstance(event, RequestReceived):
                        self.requests.append(event.request)
                        connection.write_event(event.response, Started(ENGINE, "m"))
                        connection.write_event(event.response, Chunk(ANSWER))
                        connection.write_event(event.response, Finished())
                self._flush(socket, connection)
        except ConnectionClosed:
            return

    def _flush(self, socket: ServerConnection, connection: wire.ServerConnection) -> None:
        while (message := connection.pop()) is not None:
            socket.send(message)

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen until the end of the block; gives the URL."""
        with serve(self._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("spark.v1")]) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1/responses"
            finally:
                server.shutdown()
                thread.join()

    def saw(self, word: str) -> bool:
        """Whether a word was in any message."""
        return any(word in message for message in self.received)


class Person(Pipe):
    """A raw client whose documents each hold a word of their own, so that their way can be followed.

    `configuration` is what it answers to `workspace/configuration`: the result, or an exception for an error.
    """

    gateway: RecordingGateway
    configuration: Any = None

    def _serve(self, request: dict[str, Any]) -> None:
        if request["method"] != "workspace/configuration":
            super()._serve(request)
        elif isinstance(self.configuration, Exception):
            error = {"code": -32603, "message": str(self.configuration)}
            self.send(id=request["id"], error=error)
        else:
            self.send(id=request["id"], result=self.configuration)

    def push(self, params: Any) -> None:
        """Push settings, and wait until the server has asked for more, if it does."""
        self.send(method="workspace/didChangeConfiguration", params=params)
        self.alive()
        self.alive()

    def written(self, uri: str) -> tuple[str, list[dict[str, Any]], list[str]]:
        """Open a new document and ask for all there is; its word, its suggestions, its actions."""
        word = f"marked_{next(numbers)}_word"
        self.open(f"def {word}(a, b):\n    \n", uri)
        items = self.items(uri=uri)
        self.change(2, {"text": f"def {word}(a, b, c):\n    \n"}, uri=uri)
        here = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
        asked = {"textDocument": {"uri": uri}, "range": here, "context": {"diagnostics": []}}
        answer = self.ask("actions", "textDocument/codeAction", asked)
        return word, items, [each["title"] for each in answer["result"] or []]

    def closed(self, uri: str) -> None:
        """Close a document."""
        self.send(method="textDocument/didClose", params={"textDocument": {"uri": uri}})

    def reason(self) -> str:
        """What the status says last."""
        return self.ask("status", "workspace/executeCommand", {"command": "spark.status", "arguments": []})[
            "result"
        ]["reason"]

    def stays(self, uri: str, why: str, *, control: bool = True) -> None:
        """Assert that a new document of this name gets nothing, says why, and never left the server."""
        word, items, actions = self.written(uri)
        assert items == [], f"{uri} got a suggestion"
        assert why in self.reason()
        assert actions == []
        self._refuses_an_edit(uri)
        self._let_all_arrive(uri, control=control)
        assert not self.gateway.saw(word), f"the text of {uri} reached the gateway"
        self.closed(uri)

    def _let_all_arrive(self, uri: str, *, control: bool) -> None:
        """Wait until whatever the server has sent so far is in `received`.

        Messages arrive in order, so another document does it; where settings keep every document in, the
        settings themselves do, which the server sends with each change of its engines.
        """
        if control:
            self.goes(f"file:///control/{next(numbers)}.py")
            return
        mark = f"mark{next(numbers)}"
        routes = {"settings": {"spark": {"engine": {"routes": {"chat": [mark]}}}}}
        self.send(method="workspace/didChangeConfiguration", params=routes)
        self.until(lambda: self.gateway.saw(mark))

    def _refuses_an_edit(self, uri: str) -> None:
        here = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
        order = {"action": "document", "uri": uri, "range": here}
        answer = self.ask("edit", "workspace/executeCommand", {"command": "spark.edit", "arguments": [order]})
        assert "error" in answer, f"{uri} was edited"

    def goes(self, uri: str) -> None:
        """Assert that a new document of this name gets all there is, from a gateway that knows its text."""
        word, items, actions = self.written(uri)
        assert [item["insertText"] for item in items] == [ANSWER], self.reason()
        assert actions
        assert until(lambda: self.gateway.saw(word))
        self.closed(uri)


@contextmanager
def person(
    home: dict[str, str],
    folder: Path,
    configuration: Any = None,
    beside_tokens: int = 0,
    **initialize: Any,
) -> Iterator[Person]:
    """Start a server for a person whose gateway records; ends with both."""
    gateway = RecordingGateway(beside_tokens)
    with gateway.listening() as url:
        made = Person({**home, "SPARK_LSP_ENGINE_URL": url}, folder / "server.log")
        made.gateway, made.configuration = gateway, configuration
        try:
            made.initialize(**initialize)
            made.engine()
            yield made
        finally:
            made.close()
