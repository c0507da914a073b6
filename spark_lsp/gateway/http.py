"""`POST /v1/responses`: one response over HTTP, as server-sent events or as one JSON object."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
from starlette.requests import Request

from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.gateway.http_answer import TERMINAL_TYPES, HttpAnswer
from spark_lsp.gateway.http_body import read_object


async def read_create(request: Request, limit: int) -> tuple[str, bool]:
    """Return the body as a `response.create` message, and whether the client wants a stream of events.

    Raises `RemoteProtocolError` if the body is larger than `limit` bytes or is not a JSON object.
    """
    fields = await read_object(request, limit)
    fields.pop("stream_id", None)
    message = msgspec.json.encode({**fields, "type": "response.create"}).decode()
    return message, fields.get("stream") is True


class ResponseOverHttp(HttpAnswer):
    """The HTTP response to one `response.create`."""

    def __init__(
        self, opened: AbstractAsyncContextManager[ConnectionHandler], message: str, *, stream: bool
    ) -> None:
        super().__init__(opened, message)
        self._stream = stream

    async def _write_event(self, kind: str, fields: dict[str, Any], event: str) -> None:
        if self._stream:
            await self._send_event(kind, event)
        elif kind in TERMINAL_TYPES:
            await self._send_json(200, fields["response"])

    async def _send_event(self, kind: str, event: str) -> None:
        text = f"event: {kind}\ndata: {event}\n\n"
        if not self._started:
            await self._start_stream()
            text = f"event: response.created\ndata: {self._created}\n\n{text}"
        await self._send_body(text, more=kind not in TERMINAL_TYPES)
