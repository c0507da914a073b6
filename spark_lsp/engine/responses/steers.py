"""Steering at a service: a response in progress continues with a further sentence of the user. No I/O.

A service cannot cancel a response. Without steering, an answer that the user has changed by a sentence goes
on to its end, unread and paid for. `response.steer` ends it early, and its successor starts with all that the
service has read already.

Nothing in a request says that it steers another one: the editor cancels the first and sends a second one.
They belong together if the second one is the first with a sentence added, or a turn of the same conversation.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from spark_lsp.codes import Code
from spark_lsp.engine.responses.events import PublicEvent, ResponseReader, read_refusal, response_id_of
from spark_lsp.errors import EngineError
from spark_lsp.request import Message, Request, Task

AGAIN = (
    "This was added to the request while you were answering. Follow all instructions, and write the whole "
    "answer again, in the same form."
)


class SteerError(EngineError):
    """A service did not accept a steer; the request can be sent as a new one."""


class Outcome(Enum):
    """The meaning of an event for a steer."""

    WAITS = "waits"
    CONTINUES = "continues"
    FAILED = "failed"


@dataclass(slots=True)
class Steer:
    """A steer that was sent; `reader` reads the successor. `accepted`: the service has its input."""

    reader: ResponseReader
    accepted: bool = False

    def take(self, before: ResponseReader, event: PublicEvent) -> Outcome:
        """Take an event of the lane; `before` reads the response that is steered."""
        if event.type in ("response.steer.accepted", "response.steer.pending"):
            self.accepted = True
            return Outcome.WAITS
        if event.type == "response.steer.failed":
            return Outcome.FAILED
        if event.type == "response.created" and response_id_of(event) != before.response_id:
            return Outcome.CONTINUES
        before.feed(event)
        return Outcome.FAILED if event.type == "error" else Outcome.WAITS


def make_steer(response: str, text: str) -> dict[str, Any]:
    """Return the message that steers a response."""
    return {
        "type": "response.steer",
        "previous_response_id": response,
        "input": text,
    }


def refuses_steering(event: PublicEvent) -> bool:
    """Return whether a refusal is about steering itself, rather than about this response or its successor."""
    return event.type == "error" or read_refusal(event).code == Code.STEERING_NOT_SUPPORTED


def make_steer_error(name: str) -> SteerError:
    """Return the error of a steer that was not accepted."""
    return SteerError(
        f"Engine {name!r} did not accept a further instruction during its answer",
        "The request is sent again with all instructions",
        "No action needed",
        code=Code.STEERING_NOT_SUPPORTED,
    )


def steering_text(old: Request, new: Request) -> str:
    """Return the text by which the answer to `old` becomes one to `new`; empty if it cannot."""
    if old.task is Task.COMPLETE or old.task is not new.task:
        return ""
    if _without_words(old) != _without_words(new):
        return ""
    begin = f"{old.instruction}\n"
    if old.history == new.history and old.instruction and new.instruction.startswith(begin):
        return f"{new.instruction.removeprefix(begin)}\n\n{AGAIN}"
    return _added_turns(old, new)


def _added_turns(old: Request, new: Request) -> str:
    """Return the user's turns after the question and the partial answer of `old`, if `new` continues it."""
    asked = (*old.history, Message("user", old.instruction or old.action))
    if new.history[: len(asked)] != asked:
        return ""
    added = new.history[len(asked) :]
    if added and added[0].role == "assistant":
        added = added[1:]
    if any(turn.role != "user" for turn in added):
        return ""
    return "\n\n".join([*(turn.text for turn in added), new.instruction])


def _without_words(request: Request) -> Request:
    """Return a request without its words and the versions of its documents."""
    parts = tuple(replace(part, span=None) for part in request.parts)
    return replace(request, parts=parts, instruction="", history=())
