"""What an OpenAI-compatible server is asked, and how its events are read. No I/O.

Completions go as a fill-in-the-middle prompt to `/completions` where the model's family is known: it is
faster and better than a chat about them. Everything else is a chat. What only some servers understand is
added by *flavour*, since others refuse fields that they do not know.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from spark_lsp.errors import EngineError
from spark_lsp.prompts import fim
from spark_lsp.prompts.chat import around, chat_of
from spark_lsp.request import EditFormat, Request, Task, Usage

Flavour = Literal["openai", "vllm", "sglang", "llamacpp", "ollama", "cerebras"]

CHARS_PER_TOKEN = 3  # cautious: code has between three and four
AROUND_CHARS = 16_000  # text around the place: more costs time and money and helps little
COMPLETION_TOKENS, ANSWER_TOKENS = 256, 4096
RESERVE_TOKENS = 512  # of the context, for the answer and the frame
_FAMILIES = {"qwen": "qwen", "codeqwen": "qwen"}


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request: the path below the base URL, its body, and how the text is to be read."""

    path: str
    body: dict[str, Any]
    format: EditFormat
    reply: fim.Reply
    max_tokens: int
    eol: str = "\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event of the stream says; `finish` is empty until the end."""

    text: str = ""
    finish: str = ""
    usage: Usage | None = None
    times: dict[str, float] = field(default_factory=dict[str, float])


def family_of(model: str, setting: str) -> str:
    """Return the family whose fill-in-the-middle tokens a model knows, or nothing."""
    if setting != "auto":
        return "" if setting == "none" else setting
    name = model.lower()
    coder = "coder" in name or "code" in name
    return next((family for word, family in _FAMILIES.items() if word in name and coder), "")


def call_of(request: Request, model: str, flavour: Flavour, family: str, context_tokens: int) -> Call:
    """Return the call for a request. Raises `EngineError` for what the model's context cannot hold."""
    fixed = request.characters() - _around_chars(request)
    room = (context_tokens - RESERVE_TOKENS) * CHARS_PER_TOKEN - fixed if context_tokens else AROUND_CHARS
    if room < 0:
        raise EngineError(
            "The text is longer than the model can read",
            "This engine was not asked",
            "Select less, or let a route name an engine with a larger context",
            code="context_length_exceeded",
        )
    budget = min(room, AROUND_CHARS)
    if request.task is Task.COMPLETE and family:
        return _infill(request, model, flavour, family, budget)
    return _chat(request, model, flavour, budget)


def _around_chars(request: Request) -> int:
    return sum(len(part.text) for part in request.parts if part.kind.value in ("prefix", "suffix"))


def _infill(request: Request, model: str, flavour: Flavour, family: str, budget: int) -> Call:
    before, after = (text.replace("\r\n", "\n") for text in around(request, budget))
    tokens = request.max_tokens or COMPLETION_TOKENS
    body: dict[str, Any] = {
        **_body(model, tokens),
        "prompt": fim.render(before, after, family),
        "stop": list(fim.TEMPLATES[family].stop),
    }
    if flavour == "llamacpp":
        body["cache_prompt"] = True
    reply = fim.Reply(lines=request.max_lines, opens=fim.may_open_line(before))
    return Call("/completions", body, EditFormat.TEXT, reply, tokens, _eol(request))


def _chat(request: Request, model: str, flavour: Flavour, budget: int) -> Call:
    chat = chat_of(request, budget)
    tokens = request.max_tokens or (COMPLETION_TOKENS if request.task is Task.COMPLETE else ANSWER_TOKENS)
    body: dict[str, Any] = {
        **_body(model, tokens),
        "messages": [{"role": turn.role, "content": turn.text} for turn in chat.messages],
    }
    if flavour == "cerebras":
        body["max_completion_tokens"] = body.pop("max_tokens")
        if request.task is Task.EDIT and (target := _target(request)):
            body["prediction"] = {"type": "content", "content": target}
    if flavour == "llamacpp":
        body["cache_prompt"] = True
    return Call("/chat/completions", body, chat.format, fim.Reply(lines=0), tokens, _eol(request))


def _body(model: str, tokens: int) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _target(request: Request) -> str:
    return "".join(part.text for part in request.parts if part.kind.value == "target")


def _eol(request: Request) -> str:
    return "\r\n" if request.task is Task.COMPLETE and any("\r\n" in p.text for p in request.parts) else "\n"


def piece_of(data: str) -> Piece:
    """Read one event. Raises `EngineError` for an error in the stream, or for what is no JSON."""
    try:
        event: Any = json.loads(data)
    except ValueError as error:
        raise EngineError("The engine's answer cannot be read", "It was given up") from error
    if not isinstance(event, dict):
        raise EngineError("The engine's answer cannot be read", "It was given up")
    fields = cast(dict[str, Any], event)
    if fields.get("error"):
        raise EngineError("The engine reported an error in mid-answer", "It was given up")
    choices: Any = fields.get("choices") or [{}]
    choice = _table(choices[0] if isinstance(choices, list) else {})
    delta = _table(choice.get("delta") or choice.get("message"))
    text = choice.get("text") or delta.get("content") or ""
    return Piece(
        text if isinstance(text, str) else "",
        str(choice.get("finish_reason") or ""),
        _usage(_table(fields.get("usage"))),
        _numbers(_table(fields.get("time_info"))),
    )


def _table(given: Any) -> dict[str, Any]:
    return cast(dict[str, Any], given) if isinstance(given, dict) else {}


def _numbers(given: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in given.items() if isinstance(value, int | float)}


def _usage(used: dict[str, Any]) -> Usage | None:
    if not used:
        return None
    details = _numbers(_table(used.get("prompt_tokens_details")))
    counts = _numbers(used)
    return Usage(
        int(counts.get("prompt_tokens", 0)),
        int(counts.get("completion_tokens", 0)),
        int(details.get("cached_tokens", 0)),
    )


def served_of(body: Any) -> dict[str, int]:
    """Return the models that `/models` lists, with the tokens they read where it says so."""
    data: Any = _table(body).get("data")
    listed = [_table(each) for each in cast(list[Any], data)] if isinstance(data, list) else []
    return {str(each["id"]): _context(each) for each in listed if "id" in each}


def _context(listed: dict[str, Any]) -> int:
    for value in (listed.get("max_model_len"), _table(listed.get("meta")).get("n_ctx")):
        if isinstance(value, int) and value > 0:
            return value
    return 0
