"""Reads the events of a response, from a WebSocket or a stream of server-sent events. No I/O.

A `ResponseReader` takes the events of one response. It needs as little as the smallest server sends: the text
may come in deltas, or only with the finished item, or only with the finished response. Unknown events and
fields are ignored.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from spark_lsp.answer_events import Chunk, Event, Finished, FinishReason, Started, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError

_ENDS = ("response.completed", "response.incomplete", "response.failed")
# Signs that the model works on the answer; other events come before the work or only keep a connection open.
_SIGNS = ("response.output_item.", "response.reasoning", "response.content_part.")
_FILTERED = ("content_filter",)


class PublicEvent(msgspec.Struct):
    """One event. Its fields are those of every kind of event that matters; servers differ in the rest."""

    type: str = ""
    stream_id: Any = None
    response: Any = None
    delta: Any = None
    item: Any = None
    error: Any = None
    status: Any = None
    headers: Any = None
    code: Any = None
    message: Any = None
    param: Any = None
    time_info: Any = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server said instead of an answer. `headers` have lower-case names."""

    status: int = 0
    code: str = ""
    message: str = ""
    param: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def body(self) -> bytes:
        """The error as the body of an HTTP response has it."""
        error = {"code": self.code, "message": self.message, "param": self.param or None}
        return json.dumps({"error": error}).encode()


_decoder = msgspec.json.Decoder(PublicEvent)


def decode(message: str | bytes) -> PublicEvent:
    """Return the event of a message. Raises `RemoteProtocolError` unless it is a JSON object in text."""
    if isinstance(message, bytes):
        raise RemoteProtocolError("A binary message came where text is due", code=Code.INVALID_MESSAGE)
    try:
        return _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _decode_slowly(message)


def _decode_slowly(message: str) -> PublicEvent:
    """Decode a message with lone surrogates, which msgspec rejects."""
    try:
        return msgspec.convert(json.loads(message), type=PublicEvent)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise RemoteProtocolError("A message could not be read", code=Code.INVALID_MESSAGE) from error


@dataclass(slots=True)
class ResponseReader:
    """Reads one response. `response_id` and `model` are known after its first event."""

    response_id: str = ""
    model: str = ""
    refusal: Refusal | None = None
    has_begun: bool = False
    has_ended: bool = False
    has_text: bool = False
    was_filtered: bool = False
    reasoning_tokens: int = 0
    timing: Timing | None = None
    _item_had_deltas: bool = False

    def feed(self, event: PublicEvent) -> list[Event]:
        """Take an event and return those of the answer; the last is `Finished` unless `refusal` is set."""
        kind = event.type
        if kind == "response.output_text.delta":
            self._item_had_deltas = True
            return self._take_text(event.delta)
        if kind == "response.created":
            return self._take_created(event)
        if kind == "response.output_item.done":
            return self._take_item(event.item)
        if kind == "response.refusal.delta":
            self.was_filtered = True
        if kind == "responsesapi.websocket_timing":
            self.timing = _read_time_info(event.time_info) or self.timing
        if kind == "error":
            self.has_ended = True
            self.refusal = read_refusal(event)
        return self._take_end(event) if kind in _ENDS else []

    def is_sign(self, event: PublicEvent) -> bool:
        """Whether an event shows that the model works on the answer."""
        return event.type.startswith(_SIGNS)

    def _take_created(self, event: PublicEvent) -> list[Event]:
        self._read_head(_table(event.response))
        return self._begin()

    def _read_head(self, response: dict[str, Any]) -> None:
        self.response_id = _text(response.get("id")) or self.response_id
        self.model = _text(response.get("model")) or self.model

    def _begin(self) -> list[Event]:
        if self.has_begun:
            return []
        self.has_begun = True
        return [Started("", self.model)]

    def _take_text(self, text: Any) -> list[Event]:
        if not isinstance(text, str) or not text:
            return []
        self.has_text = True
        return [*self._begin(), Chunk(text)]

    def _take_item(self, item: Any) -> list[Event]:
        """Take a finished item; its text counts if no delta brought it."""
        had_deltas, self._item_had_deltas = self._item_had_deltas, False
        return [] if had_deltas else self._take_text(_item_text(_table(item)))

    def _take_end(self, event: PublicEvent) -> list[Event]:
        response = _table(event.response)
        self._read_head(response)
        self.has_ended = True
        if event.type == "response.failed":
            self.refusal = _refusal_of(_table(response.get("error")), event)
            return []
        output: Any = response.get("output")
        events = self._begin()
        if not self.has_text and isinstance(output, list):
            events += self._take_text("".join(_item_text(_table(item)) for item in cast(list[Any], output)))
        reason = _text(_table(response.get("incomplete_details")).get("reason"))
        self.was_filtered = self.was_filtered or reason in _FILTERED
        usage = self._read_usage(_table(response.get("usage")))
        return [*events, Finished(_reason(event.type, reason), usage, self.timing or Timing())]

    def _read_usage(self, usage: dict[str, Any]) -> Usage:
        details = _table(usage.get("output_tokens_details"))
        self.reasoning_tokens = _count(details.get("reasoning_tokens"))
        cached = _count(_table(usage.get("input_tokens_details")).get("cached_tokens"))
        return Usage(_count(usage.get("input_tokens")), _count(usage.get("output_tokens")), cached)


def response_id_of(event: PublicEvent) -> str:
    """Return the id of the response that an event carries; empty without one."""
    return _text(_table(event.response).get("id"))


def read_refusal(event: PublicEvent) -> Refusal:
    """Return what an `error` event says; servers nest the error or write its fields beside the type."""
    table = _table(event.error) or {"code": event.code, "message": event.message, "param": event.param}
    return _refusal_of(table, event)


def _refusal_of(error: dict[str, Any], event: PublicEvent) -> Refusal:
    status = event.status if isinstance(event.status, int) else 0
    headers = {name.lower(): str(value) for name, value in _table(event.headers).items()}
    code = _text(error.get("code")) or _text(error.get("type"))
    return Refusal(status, code, _text(error.get("message")), _text(error.get("param")), headers)


def _reason(kind: str, reason: str) -> FinishReason:
    if kind == "response.completed":
        return "stop"
    return "cancelled" if reason == "cancelled" else "length"


def _item_text(item: dict[str, Any]) -> str:
    content: Any = item.get("content")
    if item.get("type", "message") != "message" or not isinstance(content, list):
        return ""
    parts = [_table(part) for part in cast(list[Any], content)]
    return "".join(_text(part.get("text")) for part in parts if part.get("type") == "output_text")


def _read_time_info(value: Any) -> Timing | None:
    """Return the service's own times, in the form of Cerebras' `time_info`, in seconds."""
    table = _table(value)
    times = [table.get(f"{name}_time") for name in ("queue", "prompt", "completion")]
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in times):
        return None
    queue, prompt, completion = (float(cast(float, each)) * 1000 for each in times)
    return Timing(queue, prompt, completion)


def _table(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
