"""`response.steer`: an active response ends, and a successor continues with the client's new input.

A text engine can stop at any point and never waits for the result of a tool. A steer is therefore accepted or
it fails; `response.steer.pending` is never sent. The text so far becomes the successor's past, as an
incomplete answer.
"""

from dataclasses import replace

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Request, Task
from spark_lsp.wire.conversation import Items, read_steering_turns
from spark_lsp.wire.frames import ErrorBody
from spark_lsp.wire.response_frames import SteerAccepted, SteerFailed, SteerRef
from spark_lsp.wire.response_stream import ResponseStream


def make_successor(stream: ResponseStream, given: Items) -> Request:
    """Return the request that continues a response, with its settings and without its past.

    Raises `RemoteProtocolError` with a steering error code.
    """
    if stream.request.task is Task.COMPLETE:
        raise RemoteProtocolError("A completion cannot be steered", code=Code.STEERING_NOT_SUPPORTED)
    added = read_steering_turns(given)
    return replace(stream.request, history=added[:-1], instruction=added[-1].text)


def make_accepted(steer: str, target: str) -> SteerAccepted:
    """Return the event that accepts the input."""
    return SteerAccepted(steer=SteerRef(id=steer, previous_response_id=target))


def make_failed(target: str, given: Items, error: RemoteProtocolError) -> SteerFailed:
    """Return the event that rejects the input and returns it."""
    body = ErrorBody(type="invalid_request_error", code=error.code, message=str(error))
    return SteerFailed(steer=SteerRef(previous_response_id=target, input=given), error=body)


def not_found(*, ended: bool) -> RemoteProtocolError:
    """Return the error for a target that is not active."""
    if ended:
        return RemoteProtocolError("The response has ended", code=Code.RESPONSE_COMPLETED)
    return RemoteProtocolError("The response is not on this connection", code=Code.RESPONSE_NOT_FOUND)
