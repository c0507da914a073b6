"""The second door: one response over HTTP, as server-sent events or as one JSON object.

It runs the same session as the WebSocket does, with a peer that says one thing and listens: what the
two doors answer cannot differ.
"""

from typing import Any, cast

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.gateway.session import Session

TERMINALS = {"response.completed", "response.incomplete", "response.failed", "error"}


def error_response(status: int, code: str, message: str) -> JSONResponse:
    """Return an error in the shape of the Responses API."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"type": kind, "code": code, "message": message, "param": None}
    return JSONResponse({"error": body}, status_code=status)


async def read_create(request: Request, limit: int) -> tuple[str, bool]:
    """Return the body as a `response.create` message, and whether its events shall be streamed.

    Raises `RemoteProtocolError` if the body is larger than `limit` bytes or is not a JSON object.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise RemoteProtocolError(f"The body is larger than {limit} bytes", code="request_too_large")
    try:
        fields = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError("The body is not JSON", code="invalid_json") from error
    if not isinstance(fields, dict):
        raise RemoteProtocolError("The body is not a JSON object", code="invalid_json")
    named = cast(dict[str, Any], fields)
    named.pop("stream_id", None)
    message = msgspec.json.encode({**named, "type": "response.create"}).decode()
    return message, named.get("stream") is True


class Answer(Response):
    """The response to one create."""

    def __init__(self, session: Session, message: str, *, stream: bool) -> None:
        super().__init__()
        self._session = session
        self._message: str | None = message
        self._stream = stream
        self._done = anyio.Event()
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the session until its one terminal is out or the peer is gone."""
        self._send = send
        async with anyio.create_task_group() as group:
            group.start_soon(self._until_gone, receive)
            await self._session.run(self._say, self._write)
            group.cancel_scope.cancel()

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._done.set()

    async def _say(self) -> str | None:
        if self._message is not None:
            message, self._message = self._message, None
            return message
        await self._done.wait()
        return None

    async def _write(self, event: str) -> None:
        fields = msgspec.json.decode(event)
        kind = fields["type"]
        if kind == "error" and not self._started:
            await self._whole(fields["status"], {"error": fields["error"]})
        elif self._stream:
            await self._piece(f"event: {kind}\ndata: {event}\n\n", last=kind in TERMINALS)
        elif kind in TERMINALS:
            await self._whole(502 if kind == "response.failed" else 200, fields["response"])
        if kind in TERMINALS:
            self._done.set()

    async def _piece(self, text: str, *, last: bool) -> None:
        if not self._started:
            self._started = True
            headers = [
                (b"content-type", b"text/event-stream; charset=utf-8"),
                (b"cache-control", b"no-store"),
            ]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": not last})

    async def _whole(self, status: int, body: dict[str, Any]) -> None:
        headers = [(b"content-type", b"application/json")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": msgspec.json.encode(body)})
