"""The body of an HTTP request: one JSON object of limited size."""

from typing import Any, cast

import msgspec
from starlette.requests import Request

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError


async def read_object(request: Request, limit: int) -> dict[str, Any]:
    """Return the body's fields.

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
    return cast(dict[str, Any], fields)
