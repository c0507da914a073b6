"""Errors over HTTP, in the shape of OpenAI's interfaces."""

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


def error_body(code: Code, message: str, param: str | None = None) -> dict[str, Any]:
    """Return an error's body. `param` names the field of the request that is at fault."""
    kind = "server_error" if code in SERVER_ERRORS else "invalid_request_error"
    return {"error": {"type": kind, "code": code, "message": message, "param": param}}


def error_response(status: int, code: Code, message: str, param: str | None = None) -> JSONResponse:
    """Return an HTTP response with an error."""
    return JSONResponse(error_body(code, message, param), status_code=status)
