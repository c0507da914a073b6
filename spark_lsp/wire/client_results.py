"""Converts the end of a response, as the gateway sends it, to the values that the server uses."""

from spark_lsp import codes
from spark_lsp.answer_events import Draft, Finished, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.errors import EngineError
from spark_lsp.wire.frames import ErrorBody
from spark_lsp.wire.response_frames import Completed, CutShort, Delta, DraftFrame

RETRYABLE = (
    Code.ENGINE_FAILED,
    Code.ENGINE_UNAVAILABLE,
    Code.ENGINE_LOADING,
    Code.ENGINE_SILENT,
    Code.ANSWER_BROKE_OFF,
    Code.MODEL_UNAVAILABLE,
    Code.PACKAGE_MISSING,
)


def make_engine_error(body: ErrorBody | None) -> EngineError:
    """Return the error for a gateway's error object, whose message is written for the user."""
    code = codes.to_known_code(body.code if body is not None else None, Code.ENGINE_FAILED)
    message = (body.message if body is not None else "") or "The engine failed"
    return EngineError(message, code=code, retryable=code in RETRYABLE)


def make_draft(frame: DraftFrame) -> Draft:
    """Return the draft that a gateway has sent."""
    return Draft(frame.text, frame.match_tokens, frame.agreement, frame.count)


def read_confidence(frame: Delta) -> float | None:
    """Return the engine's confidence that a delta reports; None for anything but a number from 0 to 1."""
    said = frame.confidence
    return float(said) if isinstance(said, int | float) and 0 <= said <= 1 else None


def connection_lost() -> EngineError:
    """Return the error of a request whose connection was lost."""
    return EngineError(
        "The connection to the gateway was lost",
        "The answer will not come",
        "It is being restored; try again",
        code=Code.CONNECTION_LOST,
    )


def request_too_large() -> EngineError:
    """Return the error of a request that does not fit into a message."""
    return EngineError(
        "The request is too large for the gateway",
        "It was not sent",
        "Select less text",
        code=Code.CONTEXT_LENGTH_EXCEEDED,
        retryable=False,
    )


def make_finished(frame: Completed | CutShort, timing: Timing) -> Finished:
    """Return the end of a response, with the timing that came before it."""
    used = frame.response.usage
    usage = used.used if used else Usage()
    if isinstance(frame, Completed):
        return Finished("stop", usage, timing)
    details = frame.response.incomplete_details
    cancelled = details is not None and details.reason == "cancelled"
    return Finished("cancelled" if cancelled else "length", usage, timing)
