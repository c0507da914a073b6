"""One answer over HTTP: a peer of `ConnectionHandler` that sends one message and reads its events.

The WebSocket uses the same handler, so the answers cannot differ. HTTP has one advantage: a response that
fails before its first text becomes an HTTP error with its own status. `response.created` is therefore held
back until another event follows it. If the client disconnects, the handler ends, which stops the engine.
"""

import json
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.gateway.http_errors import STATUS_ENGINE_FAILED, STATUS_OF, error_body
from spark_lsp.supervise import run_guarded
from spark_lsp.wire import codec

TERMINAL_TYPES = {"response.completed", "response.incomplete", "response.failed", "error"}
FAILURE_TYPES = {"response.failed", "error"}


class HttpAnswer(Response, ABC):
    """The HTTP response to one `response.create`. A subclass writes the events in its own shape."""

    def __init__(self, opened: AbstractAsyncContextManager[ConnectionHandler], message: str) -> None:
        super().__init__()
        self._opened = opened
        self._message: str | None = message
        self._done = anyio.Event()
        self._created = ""  # the event that is held back
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the handler until the terminal event is written or the peer is gone."""
        self._send = send
        async with self._opened as handler, anyio.create_task_group() as group:
            guard = partial(run_guarded, on_failure=lambda _: self._done.set())
            group.start_soon(guard, self._wait_for_disconnect, receive)
            try:
                await handler.run(self._give_message, self._take_event)
            except RemoteProtocolError as error:
                await self._send_error(error.code, str(error), 400)
            group.cancel_scope.cancel()

    async def _wait_for_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._done.set()

    async def _give_message(self) -> str | None:
        if self._message is not None:
            message = self._message
            self._message = None
            return message
        await self._done.wait()
        return None

    async def _take_event(self, event: str) -> None:
        if self._done.is_set():
            return  # the answer is complete, or nobody reads it
        fields = json.loads(event)
        kind = fields["type"]
        if kind == "response.created":
            self._created = event
        elif not self._started and kind in FAILURE_TYPES:
            error = fields.get("error") or fields["response"]["error"]
            await self._send_error(Code(error["code"]), error["message"], fields.get("status"))
        else:
            await self._write_event(kind, fields, event)
        if kind in TERMINAL_TYPES:
            self._done.set()

    @abstractmethod
    async def _write_event(self, kind: str, fields: dict[str, Any], event: str) -> None:
        """Write one event: its type, its fields, and its text as JSON."""

    async def _send_error(self, code: Code, message: str, status: int | None) -> None:
        await self._send_json(status or STATUS_OF.get(code, STATUS_ENGINE_FAILED), error_body(code, message))

    async def _send_json(self, status: int, body: dict[str, Any]) -> None:
        await self._start_response(status, b"application/json")
        await self._send_body(codec.encode(body), more=False)

    async def _start_stream(self) -> None:
        await self._start_response(200, b"text/event-stream; charset=utf-8")

    async def _start_response(self, status: int, kind: bytes) -> None:
        self._started = True
        headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _send_body(self, text: str, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": more})
