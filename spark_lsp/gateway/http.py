"""One response over HTTP, as server-sent events or as one JSON object.

It uses the same `ConnectionHandler` as the WebSocket, with a peer that sends one message, so the answers
cannot differ. HTTP has one advantage: a response that fails before its first text becomes an HTTP error with
its own status. `response.created` is therefore held back until another event follows it.
"""

import json
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, cast

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.supervise import run_guarded
from spark_lsp.wire import codec

TERMINAL_TYPES = {"response.completed", "response.incomplete", "response.failed", "error"}
STATUS_OF = {
    Code.MODEL_NOT_FOUND: 404,
    Code.CONTEXT_LENGTH_EXCEEDED: 400,
    Code.REQUEST_TOO_LARGE: 413,
    Code.ENGINE_BUSY: 503,
    Code.ENGINE_LOADING: 503,
    Code.ENGINE_UNAVAILABLE: 503,
    Code.MODEL_UNAVAILABLE: 503,
    Code.PACKAGE_MISSING: 503,
}
STATUS_ENGINE_FAILED = 502
SERVER_ERRORS = (
    Code.ENGINE_BUSY,
    Code.ENGINE_FAILED,
    Code.ENGINE_LOADING,
    Code.ENGINE_ONLY_THOUGHT,
    Code.ENGINE_SILENT,
    Code.ENGINE_UNAVAILABLE,
    Code.MODEL_UNAVAILABLE,
    Code.PACKAGE_MISSING,
)
"""Faults of the gateway or its engines; all other codes are faults of the request."""


def error_body(code: Code, message: str) -> dict[str, Any]:
    """Return an error in the shape of the Responses API."""
    kind = "server_error" if code in SERVER_ERRORS else "invalid_request_error"
    return {"error": {"type": kind, "code": code, "message": message, "param": None}}


def error_response(status: int, code: Code, message: str) -> JSONResponse:
    """Return an HTTP response with an error."""
    return JSONResponse(error_body(code, message), status_code=status)


async def read_create(request: Request, limit: int) -> tuple[str, bool]:
    """Return the body as a `response.create` message, and whether the client wants a stream of events.

    Raises `RemoteProtocolError` if the body is larger than `limit` bytes or is not a JSON object.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise RemoteProtocolError(f"The body is larger than {limit} bytes", code=Code.REQUEST_TOO_LARGE)
    try:
        fields = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError("The body is not JSON", code=Code.INVALID_JSON) from error
    if not isinstance(fields, dict):
        raise RemoteProtocolError("The body is not a JSON object", code=Code.INVALID_JSON)
    named = cast(dict[str, Any], fields)
    named.pop("stream_id", None)
    message = msgspec.json.encode({**named, "type": "response.create"}).decode()
    return message, named.get("stream") is True


class ResponseOverHttp(Response):
    """The HTTP response to one `response.create`."""

    def __init__(
        self, opened: AbstractAsyncContextManager[ConnectionHandler], message: str, *, stream: bool
    ) -> None:
        super().__init__()
        self._opened = opened
        self._message: str | None = message
        self._stream = stream
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
                await handler.run(self._give_message, self._write_event)
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

    async def _write_event(self, event: str) -> None:
        fields = json.loads(event)
        kind = fields["type"]
        if kind == "response.created":
            self._created = event
        elif not self._started and kind in ("error", "response.failed"):
            error = fields.get("error") or fields["response"]["error"]
            await self._send_error(Code(error["code"]), error["message"], fields.get("status"))
        elif self._stream:
            await self._send_event(kind, event)
        elif kind in TERMINAL_TYPES:
            await self._send_json(200, fields["response"])
        if kind in TERMINAL_TYPES:
            self._done.set()

    async def _send_event(self, kind: str, event: str) -> None:
        text = f"event: {kind}\ndata: {event}\n\n"
        if not self._started:
            await self._start_response(200, b"text/event-stream; charset=utf-8")
            text = f"event: response.created\ndata: {self._created}\n\n{text}"
        await self._send_body(text, more=kind not in TERMINAL_TYPES)

    async def _send_error(self, code: Code, message: str, status: int | None) -> None:
        await self._send_json(status or STATUS_OF.get(code, STATUS_ENGINE_FAILED), error_body(code, message))

    async def _send_json(self, status: int, body: dict[str, Any]) -> None:
        await self._start_response(status, b"application/json")
        await self._send_body(codec.encode(body), more=False)

    async def _start_response(self, status: int, kind: bytes) -> None:
        self._started = True
        headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _send_body(self, text: str, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": more})
