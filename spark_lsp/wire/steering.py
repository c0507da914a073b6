"""`response.steer`: a response under way ends, and a successor goes on with what the client adds.

A text engine's safe place to stop is wherever it is, and it never waits for a tool's result: so a steer is
accepted or it fails, and `response.steer.pending` is never due. What was said so far is the successor's
past, as an answer that was broken off.
"""

from dataclasses import replace

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Request, Task
from spark_lsp.wire.answer import Answer
from spark_lsp.wire.conversation import Items, steered
from spark_lsp.wire.frames import ErrorBody, SteerAccepted, SteerFailed, SteerRef


def successor(answer: Answer, given: Items) -> Request:
    """Return the request that goes on from `answer`, with its settings; the past is not in it.

    Raises `RemoteProtocolError` with a steering error code.
    """
    if answer.request.task is Task.COMPLETE:
        raise RemoteProtocolError("A completion cannot be steered", code=Code.STEERING_NOT_SUPPORTED)
    added = steered(given)
    return replace(answer.request, history=added[:-1], instruction=added[-1].text)


def accepted(steer: str, target: str) -> SteerAccepted:
    """Return the event that says that the input is ours now."""
    return SteerAccepted(steer=SteerRef(id=steer, previous_response_id=target))


def failed(target: str, given: Items, error: RemoteProtocolError) -> SteerFailed:
    """Return the event that gives the input back."""
    body = ErrorBody(type="invalid_request_error", code=error.code, message=str(error))
    return SteerFailed(steer=SteerRef(previous_response_id=target, input=given), error=body)


def not_here(*, ended: bool) -> RemoteProtocolError:
    """Return the error for a target that is not under way."""
    if ended:
        return RemoteProtocolError("The response has ended", code=Code.RESPONSE_COMPLETED)
    return RemoteProtocolError("The response is not on this connection", code=Code.RESPONSE_NOT_FOUND)
