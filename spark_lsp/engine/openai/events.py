"""Read what an OpenAI-compatible server sends: events of an answer, and lists of models. No I/O.

Servers differ in how they stream. The text of a piece may be a string or a list of parts; a server that
cannot stream sends one JSON object; an error may replace a piece; the last event may lack its blank line.
`AnswerReader` takes the body in pieces of any size and returns its events.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any, cast

from spark_lsp.answer_events import Usage
from spark_lsp.engine.openai import errors
from spark_lsp.engine.openai.logprobs import read_logprobs
from spark_lsp.engine.sse import MAX_EVENT_BYTES, EventParser, EventTooLong, ServerEvent

MOST = 1e12  # beyond any count or time
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data", b"event", b"error", b"id", b"retry", b":")
_THINKING_PARTS = ("thinking", "reasoning", "reasoning_content")


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event of the stream says; `finish` is empty until the end.

    `alive`: the model works, though it says nothing that counts: it thinks, or it reads.
    `thinks`: it thinks, and the server keeps that apart from the text.
    `logprobs` are those of the tokens of the text.
    """

    text: str = ""
    finish: str = ""
    alive: bool = False
    usage: Usage | None = None
    times: dict[str, float] = field(default_factory=dict[str, float])
    thinks: bool = False
    logprobs: tuple[float, ...] = ()


@dataclass(slots=True)
class AnswerReader:
    """Turn the body of a response with status 200 into pieces. `done` says that the server has ended it.

    Raises `EngineError` for a body that is neither a stream of events nor a JSON answer, as a login page is.
    """

    name: str
    content_type: str = "text/event-stream"
    done: bool = field(default=False, init=False)
    _parser: EventParser = field(default_factory=EventParser, init=False)
    _begun: bytearray = field(default_factory=bytearray, init=False)
    _shape: str = field(default="", init=False)  # `events` or `json`, once the first bytes have shown it

    def feed(self, chunk: bytes) -> list[Piece]:
        """Take some bytes and return the pieces that they complete."""
        if self._shape == "events":
            return self._read_pieces(chunk)
        self._begun += chunk
        self._shape = self._shape or self._recognise_format()
        if self._shape == "events":
            return self._read_pieces(bytes(self._begun))
        if len(self._begun) > MAX_EVENT_BYTES:
            raise errors.make_no_stream_error(self.name, self.content_type)
        return []

    def finish(self) -> list[Piece]:
        """Return the last pieces at the end of the body: a whole JSON answer, or an event without its end."""
        if self._shape == "json":
            self.done = True
            piece = piece_of(self._begun.removeprefix(_BOM).decode("utf-8", "replace"))
            return [piece if piece.finish else replace(piece, finish="stop")]
        if not self._shape and self._begun.strip():
            raise errors.make_no_stream_error(self.name, self.content_type)
        return [
            piece_of(event.data, event.name)
            for event in self._split_events(b"\n\n")
            if not self._note_end(event) and _is_json(event.data)
        ]

    def _recognise_format(self) -> str:
        """Return the shape that the first bytes show; empty while there are too few of them."""
        lead = bytes(self._begun.removeprefix(_BOM).lstrip())
        if lead.startswith((b"{", b"[")):
            return "json"
        if lead.startswith(b"<"):
            raise errors.make_no_stream_error(self.name, self.content_type)
        if self.content_type.startswith("text/event-stream") or lead.startswith(_FIELDS):
            return "events" if lead else ""
        if any(each.startswith(lead) for each in (*_FIELDS, _BOM)):
            return ""
        raise errors.make_no_stream_error(self.name, self.content_type)

    def _read_pieces(self, chunk: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        for event in self._split_events(chunk):
            if self.done or self._note_end(event):
                break
            pieces.append(piece_of(event.data, event.name))
        return pieces

    def _note_end(self, event: ServerEvent) -> bool:
        self.done = self.done or event.data.strip() == "[DONE]"
        return self.done

    def _split_events(self, chunk: bytes) -> list[ServerEvent]:
        try:
            return self._parser.feed(chunk)
        except EventTooLong as error:
            raise errors.make_no_stream_error(self.name, "an event without end") from error


def _is_json(data: str) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def piece_of(data: str, name: str = "") -> Piece:
    """Read one event; `name` is its `event` field. Raises `EngineError` for an error that the server reports,
    or for data that is not JSON."""
    try:
        event: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise (
            errors.make_stream_error(data.encode()) if name == "error" else errors.make_invalid_event_error()
        ) from error
    if not isinstance(event, dict):
        raise errors.make_invalid_event_error()
    fields = cast(dict[str, Any], event)
    if _is_error(fields, name):
        raise errors.make_stream_error(json.dumps(fields.get("error") or fields).encode())
    choices: Any = fields.get("choices") or [{}]
    choice = _require_table(choices[0] if isinstance(choices, list) else {})
    delta = _require_table(choice.get("message") if choice.get("delta") is None else choice["delta"])
    text, thinks = _text_of(choice.get("text") or delta.get("content"))
    thinks = thinks or bool(delta.get("reasoning_content") or delta.get("reasoning"))
    progress = _require_table(fields.get("prompt_progress"))
    return Piece(
        _replace_lone_surrogates(text),
        str(choice.get("finish_reason") or ""),
        thinks or bool(progress),
        _read_usage(_require_table(fields.get("usage"))) or _read_progress(progress),
        _read_times(fields),
        thinks,
        read_logprobs(choice),
    )


def _is_error(fields: dict[str, Any], name: str) -> bool:
    """Return whether an event reports an error, in one of the shapes that servers use."""
    if fields.get("error") or name == "error" or "error" in (fields.get("object"), fields.get("type")):
        return True
    return "choices" not in fields and any(isinstance(fields.get(key), str) for key in ("message", "detail"))


def _text_of(content: Any) -> tuple[str, bool]:
    """Return the text of `content`, and whether it holds thinking. Content may be a list of parts."""
    if isinstance(content, str):
        return content, False
    parts = cast(list[Any], content) if isinstance(content, list) else [content]
    texts = list[str]()
    thinks = False
    for part in parts:
        table = _require_table(part)
        said: Any = part if isinstance(part, str) else table.get("text")
        if table.get("type") in _THINKING_PARTS:
            thinks = True
        elif isinstance(said, str):
            texts.append(said)
    return "".join(texts), thinks


def _read_progress(progress: dict[str, Any]) -> Usage | None:
    """Return what a llama.cpp server tells of the prompt while it reads."""
    counts = _keep_numbers(progress)
    return Usage(int(counts.get("total", 0)), 0, int(counts.get("cache", 0))) if counts else None


def _read_times(fields: dict[str, Any]) -> dict[str, float]:
    """Return the server's own clock, in seconds: Cerebras' `time_info`, or llama.cpp's `timings`."""
    if timings := _keep_numbers(_require_table(fields.get("timings"))):
        names = {"prompt_time": "prompt_ms", "completion_time": "predicted_ms"}
        return {name: timings.get(theirs, 0.0) / 1e3 for name, theirs in names.items()}
    return _keep_numbers(_require_table(fields.get("time_info")))


def _require_table(given: Any) -> dict[str, Any]:
    return cast(dict[str, Any], given) if isinstance(given, dict) else {}


def _keep_numbers(given: dict[str, Any]) -> dict[str, float]:
    """Return what can be a count or a time; JSON as Python reads it has NaN and endless integers too."""
    return {
        name: float(value)
        for name, value in given.items()
        if isinstance(value, int | float) and 0 <= value < MOST
    }


def _replace_lone_surrogates(text: str) -> str:
    """Return a text without lone halves of characters, which JSON may hold and UTF-8 may not."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read_usage(used: dict[str, Any]) -> Usage | None:
    if not used:
        return None
    details = _keep_numbers(_require_table(used.get("prompt_tokens_details")))
    counts = _keep_numbers(used)
    return Usage(
        int(counts.get("prompt_tokens", 0)),
        int(counts.get("completion_tokens", 0)),
        int(details.get("cached_tokens", 0)),
    )


def slots_of(body: Any) -> int:
    """Return how many slots a llama.cpp server has, by its `/props`."""
    slots = _require_table(body).get("total_slots")
    return slots if isinstance(slots, int) and slots > 0 else 0


def served_of(body: Any) -> dict[str, int]:
    """Return the models that `/models` lists, with the tokens they read where it says so."""
    data: Any = _require_table(body).get("data")
    listed = [_require_table(each) for each in cast(list[Any], data)] if isinstance(data, list) else []
    return {str(each["id"]): _read_context(each) for each in listed if "id" in each}


def _read_context(listed: dict[str, Any]) -> int:
    for value in (listed.get("max_model_len"), _require_table(listed.get("meta")).get("n_ctx")):
        if isinstance(value, int) and value > 0:
            return value
    return 0
