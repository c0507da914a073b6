"""What pygls runs is forgotten when it is done: a server lives for days."""

import json
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from spark_lsp.lsp.connection import Connection
from spark_lsp.lsp.server import SparkServer
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Pipe:
    """Takes what would go to the editor."""

    def __init__(self) -> None:
        self.said: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.said.append(data)


def send(connection: Connection, method: str, params: Any, number: int | None = None) -> None:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    connection.receive(json.dumps(message if number is None else {**message, "id": number}).encode())


async def test_commands_and_notifications_leave_nothing_behind() -> None:
    server, pipe = SparkServer(), Pipe()
    server.protocol.set_writer(pipe)  # type: ignore[arg-type]
    connection = Connection(server.protocol, pipe.write, server.requests)
    send(connection, "initialize", {"capabilities": {}, "processId": None, "rootUri": None}, 1)
    for number in range(2, 12):
        send(connection, "workspace/didChangeConfiguration", {"settings": {"spark": {}}})
        send(connection, "workspace/executeCommand", {"command": "spark.status"}, number)
    kept = server.protocol._request_futures  # pyright: ignore[reportPrivateUsage]
    with anyio.fail_after(PATIENCE):
        while len(pipe.said) < 11 or kept or server.requests:
            await anyio.sleep(0.002)


async def test_a_shutdown_ends_what_is_under_way() -> None:
    server, pipe = SparkServer(), Pipe()
    server.protocol.set_writer(pipe)  # type: ignore[arg-type]
    connection = Connection(server.protocol, pipe.write, server.requests)
    send(connection, "initialize", {"capabilities": {}, "processId": None, "rootUri": None}, 1)
    await anyio.lowlevel.checkpoint()
    edit = {"command": "spark.edit", "arguments": []}
    for number in range(2, 5):
        send(connection, "workspace/executeCommand", edit, number)  # it waits for the engine's side
    send(connection, "shutdown", None, 9)
    with anyio.fail_after(PATIENCE):
        while not any(b'"id":9' in said.replace(b" ", b"") for said in pipe.said):
            await anyio.sleep(0.002)
    (answer,) = [said for said in pipe.said if b'"id":9' in said.replace(b" ", b"")]
    assert b"error" not in answer
