"""A language server as a child process, and JSON-RPC with it over its pipes.

Three tasks per child: one reads its output, one writes to its input, one keeps the last lines of its
stderr for the message if it dies. Sending is a plain call into the outbox, so a handler may answer without
awaiting. Every wait has a deadline and ends with a clear error when the child dies.
"""

import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import anyio
import msgspec
from anyio.abc import Process

from spark_lsp import programs
from spark_lsp.client.framing import Framer, frame_message
from spark_lsp.codes import Code, to_known_code
from spark_lsp.errors import RemoteProtocolError, SparkError
from spark_lsp.supervise import run_guarded

SERVE = programs.spark_lsp("serve")
METHOD_NOT_FOUND = -32601
END_S = 5.0

Handler = Callable[[str, Any], Any]


class UnknownMethod(Exception):
    """Raised by a handler for a request that it does not know."""


class Connection:
    """One running language server and its open requests."""

    def __init__(self, process: Process, handler: Handler) -> None:
        self.process = process
        self.dead: Exception | None = None  # the error that every further request raises
        self.waiting_for = "the language server to start"  # the awaited answer, in words
        self._handler = handler  # answers the server's requests and handles its notifications
        self._framer = Framer()
        self._last_id = 0
        self._answers: dict[int, dict[str, Any] | None] = {}  # open requests; None until answered
        self._changed = anyio.Event()  # set and replaced when a message arrives
        self._stderr = ""  # the last of it
        self._outbox, self._outgoing = anyio.create_memory_object_stream[bytes](math.inf)

    def notify(self, method: str, params: object) -> None:
        """Send a notification; never blocks."""
        self._send({"method": method, "params": params})

    async def request(self, method: str, params: object, timeout_s: float) -> Any:
        """Send a request and return its result.

        Raises `RemoteProtocolError` with the code of the error's `data` if the server answers with an error,
        and `SparkError` if it dies or does not answer within `timeout_s`.
        """
        number = self.begin(method, params)
        try:
            await self.until(lambda: self._answers[number] is not None, timeout_s, f"an answer to {method}")
        except SparkError:
            self.notify("$/cancelRequest", {"id": number})
            raise
        finally:
            answer = self._answers.pop(number)
        return _result(cast(dict[str, Any], answer))

    def begin(self, method: str, params: object) -> int:
        """Send a request without waiting and return its id."""
        self._last_id += 1
        self._answers[self._last_id] = None
        self._send({"id": self._last_id, "method": method, "params": params})
        return self._last_id

    async def until(self, happened: Callable[[], object], timeout_s: float, what: str) -> None:
        """Wait until `happened()` is true; check it after every message from the server."""
        self.waiting_for = what
        with anyio.move_on_after(timeout_s):
            while not happened():
                if self.dead is not None:
                    raise self.dead
                await self._changed.wait()
            return
        raise SparkError(
            f"The language server did not give {what} within {timeout_s:g} seconds",
            "The command was given up",
            "Try again; if it fails again, check the output of `spark-lsp gateway` in a separate terminal",
            code=Code.TIMED_OUT,
        )

    def _send(self, message: dict[str, Any]) -> None:
        if self.dead is None:
            self._outbox.send_nowait(frame_message(message))

    def fail(self, error: Exception) -> None:
        """End every wait: a task of this connection failed. An error of the command's output is kept."""
        self.dead = self.dead or (error if isinstance(error, OSError) else _client_failed())
        self._wake()

    async def read(self) -> None:
        """Read the child's output until it ends; runs as a separate task."""
        assert self.process.stdout is not None
        try:
            async for data in self.process.stdout:
                for body in self._framer.feed(data):
                    self._receive(msgspec.json.decode(body))
                self._wake()
        except (RemoteProtocolError, msgspec.DecodeError):
            self.dead = _no_lsp()
        except anyio.BrokenResourceError:
            pass
        await self._describe_end()

    async def _describe_end(self) -> None:
        with anyio.move_on_after(1):
            await self.process.wait()
        code = self.process.returncode
        last = self._stderr.strip().rpartition("\n")[2]
        self.dead = self.dead or SparkError(
            f"The language server ended unexpectedly (exit code {code})",
            f"Its last words were: {last}" if last else "It left no message",
            "Run the command again; nothing was changed",
        )
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _receive(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            if message.get("id") in self._answers:
                self._answers[message["id"]] = message
        elif "id" in message:
            self._answer(message)
        else:
            self._hear(message)

    def _answer(self, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"id": message["id"]}
        try:
            reply["result"] = self._handler(message["method"], message.get("params"))
        except UnknownMethod:
            reply["error"] = {"code": METHOD_NOT_FOUND, "message": f"no such method: {message['method']}"}
        self._send(reply)

    def _hear(self, message: dict[str, Any]) -> None:
        try:
            self._handler(message["method"], message.get("params"))
        except UnknownMethod:
            return  # LSP lets a client ignore any notification

    async def write(self) -> None:
        """Write the outbox to the child's input; runs as a separate task."""
        assert self.process.stdin is not None
        try:
            async for data in self._outgoing:
                await self.process.stdin.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the reader reports the reason

    async def listen(self) -> None:
        """Keep the last lines of the child's stderr; runs as a separate task."""
        assert self.process.stderr is not None
        async for data in self.process.stderr:
            self._stderr = (self._stderr + data.decode("utf-8", "replace"))[-2000:]

    def close(self) -> None:
        """Close the outbox; the writer ends."""
        self._outbox.close()
        self._outgoing.close()


def _client_failed() -> SparkError:
    return SparkError(
        "spark-lsp failed while it read what the language server said",
        "The command was given up",
        "Run it again; please report it if it fails again",
        code=Code.INTERNAL_ERROR,
    )


def _no_lsp() -> SparkError:
    return SparkError(
        "The language server wrote something that is not LSP to its output",
        "No more requests can be sent to it",
        "Run the command again; if it stays, run `spark-lsp serve` by hand and look at its output",
    )


def _result(answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    data = error.get("data")
    code = cast(dict[str, Any], data).get("code") if isinstance(data, dict) else None
    raise RemoteProtocolError(str(error.get("message", "no message")), code=to_known_code(code, Code.ERROR))


@asynccontextmanager
async def connect(
    handler: Handler, command: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> AsyncGenerator[Connection]:
    """Start a language server (ours, unless `command` names another) and connect to it.

    The child has ended when the block ends.
    """
    process = await _start(command or SERVE, env)
    connection = Connection(process, handler)
    failure: Exception | None = None
    try:
        async with anyio.create_task_group() as tasks:
            guarded = partial(run_guarded, on_failure=connection.fail)
            for task in (connection.read, connection.write, connection.listen):
                tasks.start_soon(guarded, task)
            try:
                yield connection
            except Exception as error:  # kept out of the group, which would wrap it
                failure = error
            with anyio.CancelScope(shield=True):
                await _end(connection)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _reap(process)
            connection.close()
    if failure is not None:
        raise failure


async def _start(command: Sequence[str], env: Mapping[str, str] | None) -> Process:
    try:
        return await programs.open_process(command, cwd=programs.NEUTRAL, env=env)
    except OSError as error:
        raise SparkError(
            f"The language server could not be started: {error.strerror}", "", f"Check that {command[0]} runs"
        ) from None


async def _end(connection: Connection) -> None:
    """Send shutdown and exit, as LSP requires, and give the child some seconds to end."""
    if connection.dead is not None:
        return
    try:
        await connection.request("shutdown", None, END_S)
        connection.notify("exit", None)
        with anyio.move_on_after(END_S):
            await connection.process.wait()
    except SparkError:
        return  # it is ended by force


async def _reap(process: Process) -> None:
    for end in (process.terminate, process.kill):
        if process.returncode is None:
            end()
            with anyio.move_on_after(END_S):
                await process.wait()
    await process.aclose()
