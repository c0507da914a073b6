"""Errors over HTTP, in the shape of OpenAI's interfaces."""

import random
from typing import Any

from starlette.responses import JSONResponse

from spark_lsp.codes import Code

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
RETRY_AFTER_S = (2, 15)  # spreads the clients that a full gateway has refused at the same moment
SERVER_ERRORS = (
    Code.ENGINE_BUSY,
    Code.ENGINE_FAILED,
    Code.ENGINE_LOADING,
    Code.ENGINE_ONLY_THOUGHT,
    Code.ENGINE_SILENT,
    Code.ENGINE_UNAVAILABLE,
    Code.GATEWAY_FULL,
    Code.MODEL_UNAVAILABLE,
    Code.PACKAGE_MISSING,
)
"""Faults of the gateway or its engines; all other codes are faults of the request."""


def error_body(code: Code, message: str, param: str | None = None) -> dict[str, Any]:
    """Return an error's body. `param` names the field of the request that is at fault."""
    kind = "server_error" if code in SERVER_ERRORS else "invalid_request_error"
    return {"error": {"type": kind, "code": code, "message": message, "param": param}}


def error_response(status: int, code: Code, message: str, param: str | None = None) -> JSONResponse:
    """Return an HTTP response with an error."""
    return JSONResponse(error_body(code, message, param), status_code=status)


def full_response(limit: int) -> JSONResponse:
    """Return the refusal of a gateway with as many connections as it can serve."""
    message = (
        f"The gateway serves {limit} connections, its limit. Try again later, or raise team.maxConnections"
    )
    response = error_response(503, Code.GATEWAY_FULL, message)
    response.headers["Retry-After"] = str(random.randint(*RETRY_AFTER_S))
    return response
