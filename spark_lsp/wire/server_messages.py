"""The messages that a gateway sends about the connection itself: its greeting, its limits, its refusals."""

from collections.abc import Iterable, Mapping

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import EngineInfo
from spark_lsp.wire.credit import ALL_BYTES, ALL_EVENTS, LANE_BYTES, LANE_EVENTS
from spark_lsp.wire.frames import CreditLimits, ErrorBody, ErrorEvent, Hello
from spark_lsp.wire.lanes import MAX_LANES, is_name

MAX_IN_FLIGHT = 16
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
STATUS_BAD_REQUEST = 400
STATUS_TOO_MANY_REQUESTS = 429
LIMITS = CreditLimits(lane_events=LANE_EVENTS, lane_bytes=LANE_BYTES, events=ALL_EVENTS, bytes=ALL_BYTES)


def make_hello(
    version: str, session: str, engines: Iterable[EngineInfo], serving: Mapping[str, str]
) -> Hello:
    """Return the greeting: the gateway's version, its limits, its engines, and the engine of each route."""
    return Hello(
        version=version,
        session=session,
        max_in_flight=MAX_IN_FLIGHT,
        max_lanes=MAX_LANES,
        max_message_bytes=MAX_MESSAGE_BYTES,
        credit=LIMITS,
        engines=list(engines),
        serving=dict(serving),
    )


def make_error(lane: str | None, error: RemoteProtocolError) -> ErrorEvent:
    """Return the message for a request that was refused; it names the lane, where that is a valid name."""
    body = ErrorBody(type="invalid_request_error", code=error.code, message=str(error), param=None)
    limited = error.code == Code.RATE_LIMIT_EXCEEDED
    message = ErrorEvent(error=body, status=STATUS_TOO_MANY_REQUESTS if limited else STATUS_BAD_REQUEST)
    if lane is not None and is_name(lane):
        message.stream_id = lane
    return message


def connection_expired() -> RemoteProtocolError:
    """Return the error for a request on a connection whose lifetime is over."""
    return RemoteProtocolError(
        "This connection has reached its limit of 60 minutes",
        "Nothing new is answered on it",
        "Open a new one and send the whole context",
        code=Code.CONNECTION_LIMIT,
    )


def too_many_requests() -> RemoteProtocolError:
    """Return the error for a request that exceeds the limits of a connection."""
    return RemoteProtocolError(
        "This connection has too many unfinished requests",
        "This request was not answered",
        "Wait for the other responses",
        code=Code.RATE_LIMIT_EXCEEDED,
    )


def too_many_errors(last: RemoteProtocolError) -> RemoteProtocolError:
    """Return the error that ends a connection after many refused messages in a row."""
    return RemoteProtocolError(
        "Too many messages in a row could not be served",
        "The connection is closed",
        f"The last error: {last.what}",
        code=Code.TOO_MANY_ERRORS,
    )
