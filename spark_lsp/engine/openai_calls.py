"""What an OpenAI-compatible server is asked, and how its events are read. No I/O.

Completions go as a fill-in-the-middle prompt to `/completions` where the model's family is known: it is
faster and better than a chat about them. Everything else is a chat. What only some servers understand is
added by *flavour*, since others refuse fields that they do not know:

- llama.cpp keeps a cache in each of its slots; a document stays with one. It can hold an answer to a grammar,
  so a cursor inside a word is healed (see `prompts.fim`), and it tells its progress while it reads.
- Ollama frames a prompt by its model's own template; prefix and suffix are given apart.
- Cerebras takes the present text of an edit as a *prediction*.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, cast

from spark_lsp.config import Flavour
from spark_lsp.engine import openai_errors as errors
from spark_lsp.prompts import fim
from spark_lsp.prompts.chat import Bare, Fenced, Reader, around, chat_of
from spark_lsp.prompts.unfence import place_in
from spark_lsp.request import EditFormat, Effort, PartKind, Request, Task, Usage

CHARS_PER_TOKEN = 3  # cautious: code has between three and four
AROUND_CHARS = 16_000  # text around the place: more costs time and money and helps little
COMPLETION_TOKENS, ANSWER_TOKENS = 256, 4096
THINKING_TOKENS = 1024  # more, for a model that thinks before it speaks
MOST = 1e12  # beyond any count or time
# Ollama does not tell its context, reads so much unless told otherwise, and cuts the rest off without a word.
UNTOLD_CONTEXT: dict[Flavour, int] = {"ollama": 4096}
RESERVE_TOKENS = 512  # of the context, for the answer and the frame
MOST_STOPS = 4  # OpenAI's limit; vLLM refuses more with 400
_EFFORTS: dict[Effort, str] = {"fast": "low", "balanced": "medium", "deep": "high"}
# Words of a model's name, all of which it must have, and the family whose tokens it then knows.
_FAMILIES = {
    ("codellama",): "codellama",
    ("codegemma",): "codegemma",
    ("codestral",): "codestral",
    ("starcoder",): "starcoder",
    ("granite", "code"): "starcoder",
    ("deepseek", "coder"): "deepseek",
    ("codeqwen",): "qwen",
    ("qwen", "coder"): "qwen",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: a model, its server's flavour, and what is known of both.

    `family` is empty for a model that cannot fill in the middle; `slots` are those of a llama.cpp server.
    """

    model: str
    flavour: Flavour = "openai"
    family: str = ""
    context_tokens: int = 0
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request: the path below the base URL, its body, and how the text is to be read."""

    path: str
    body: dict[str, Any]
    format: EditFormat
    reply: Reader
    max_tokens: int
    eol: str = "\n"

    @property
    def infills(self) -> bool:
        """Whether it is no chat."""
        return self.path == "/completions"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event of the stream says; `finish` is empty until the end.

    `alive`: the model works, though it says nothing that counts: it thinks, or it reads.
    """

    text: str = ""
    finish: str = ""
    alive: bool = False
    usage: Usage | None = None
    times: dict[str, float] = field(default_factory=dict[str, float])


def family_of(model: str, setting: str) -> str:
    """Return the family whose fill-in-the-middle tokens a model knows, or nothing."""
    if setting != "auto":
        return "" if setting == "none" else setting
    name = model.lower()
    return next((family for words, family in _FAMILIES.items() if all(word in name for word in words)), "")


def call_of(request: Request, target: Target) -> Call:
    """Return the call for a request. Raises `EngineError` for what the model's context cannot hold."""
    fixed = request.characters() - _around_chars(request)
    context = target.context_tokens
    room = (context - RESERVE_TOKENS) * CHARS_PER_TOKEN - fixed if context else AROUND_CHARS
    if room < 0:
        raise errors.too_long()
    budget = min(room, AROUND_CHARS)
    if request.task is Task.COMPLETE and target.family:
        return _infill(request, target, budget)
    return _chat(request, target, budget)


def _around_chars(request: Request) -> int:
    return sum(len(part.text) for part in request.parts if part.kind.value in ("prefix", "suffix"))


def _infill(request: Request, target: Target, budget: int) -> Call:
    before, after = (text.replace("\r\n", "\n") for text in around(request, budget))
    llama, template = target.flavour == "llamacpp", fim.TEMPLATES[target.family]
    read, fragment = fim.heal(before) if llama else (before, "")
    tokens = request.max_tokens or COMPLETION_TOKENS
    most = None if target.flavour in ("llamacpp", "ollama") else MOST_STOPS
    body = _body(target, tokens, request) | {"stop": list(template.stop[:most])}
    if target.flavour == "ollama":
        body |= {"prompt": fim.quoted(read, template), "suffix": fim.quoted(after, template) or "\n"}
    else:
        body["prompt"] = fim.render(read, after, target.family)
    if fragment:
        body["grammar"] = fim.grammar(fragment)
    reply = fim.Reply(fragment, lines=request.max_lines, opens=fim.may_open_line(before))
    return Call("/completions", body, EditFormat.TEXT, reply, tokens, _eol(request))


def _chat(request: Request, target: Target, budget: int) -> Call:
    chat = chat_of(request, budget)
    tokens = request.max_tokens or (COMPLETION_TOKENS if request.task is Task.COMPLETE else ANSWER_TOKENS)
    thinks = "gpt-oss" in target.model.lower()
    body = _body(target, tokens + THINKING_TOKENS * thinks, request)
    if thinks:
        body["reasoning_effort"] = "low" if request.task is Task.COMPLETE else _EFFORTS[request.effort]
    body["messages"] = [{"role": turn.role, "content": turn.text} for turn in chat.messages]
    if target.flavour == "cerebras" and (text := request.text_of(PartKind.TARGET)):
        body["prediction"] = {"type": "content", "content": text}
    return Call("/chat/completions", body, chat.format, _reader(request), tokens, _eol(request))


def _reader(request: Request) -> Reader:
    if request.task is Task.COMPLETE:
        before = request.text_of(PartKind.PREFIX)
        return Bare(before[max(before.rfind("\n"), before.rfind("\r")) + 1 :], request.language)
    return Fenced(place_in(request)) if request.task is Task.EDIT else fim.Reply(lines=0)


def _body(target: Target, tokens: int, request: Request) -> dict[str, Any]:
    bound = "max_completion_tokens" if target.flavour == "cerebras" else "max_tokens"
    body: dict[str, Any] = {
        "model": target.model,
        bound: tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if target.flavour == "llamacpp":
        body |= {"cache_prompt": True, "return_progress": True}
        if target.slots and request.task is Task.COMPLETE:
            body["id_slot"] = _slot(request.origin, target.slots)
    return body


def _slot(origin: str, slots: int) -> int:
    """Return the slot of a document: left to itself the server gives the next key a cold one, while the
    request that was just cancelled still holds the warm one."""
    return int.from_bytes(hashlib.blake2b(origin.encode("utf-8", "replace"), digest_size=4).digest()) % slots


def _eol(request: Request) -> str:
    return "\r\n" if request.task is Task.COMPLETE and any("\r\n" in p.text for p in request.parts) else "\n"


def piece_of(data: str) -> Piece:
    """Read one event. Raises `EngineError` for an error in the stream, or for what is no JSON."""
    try:
        event: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise errors.unreadable() from error
    if not isinstance(event, dict):
        raise errors.unreadable()
    fields = cast(dict[str, Any], event)
    if fields.get("error"):
        raise errors.in_the_stream(json.dumps(fields["error"]).encode())
    choices: Any = fields.get("choices") or [{}]
    choice = _table(choices[0] if isinstance(choices, list) else {})
    delta = _table(choice.get("delta") or choice.get("message"))
    text = choice.get("text") or delta.get("content") or ""
    thinks = delta.get("reasoning_content") or delta.get("reasoning") or fields.get("prompt_progress")
    return Piece(
        _whole(text) if isinstance(text, str) else "",
        str(choice.get("finish_reason") or ""),
        bool(thinks),
        _usage(_table(fields.get("usage"))) or _read(_table(fields.get("prompt_progress"))),
        _times(fields),
    )


def _read(progress: dict[str, Any]) -> Usage | None:
    """Return what a llama.cpp server tells of the prompt while it reads."""
    counts = _numbers(progress)
    return Usage(int(counts.get("total", 0)), 0, int(counts.get("cache", 0))) if counts else None


def _times(fields: dict[str, Any]) -> dict[str, float]:
    """Return the server's own clock, in seconds: Cerebras' `time_info`, or llama.cpp's `timings`."""
    if timings := _numbers(_table(fields.get("timings"))):
        names = {"prompt_time": "prompt_ms", "completion_time": "predicted_ms"}
        return {name: timings.get(theirs, 0.0) / 1e3 for name, theirs in names.items()}
    return _numbers(_table(fields.get("time_info")))


def _table(given: Any) -> dict[str, Any]:
    return cast(dict[str, Any], given) if isinstance(given, dict) else {}


def _numbers(given: dict[str, Any]) -> dict[str, float]:
    """Return what can be a count or a time; JSON as Python reads it has NaN and endless integers too."""
    return {
        name: float(value)
        for name, value in given.items()
        if isinstance(value, int | float) and 0 <= value < MOST
    }


def _whole(text: str) -> str:
    """Return a text without lone halves of characters, which JSON may hold and UTF-8 may not."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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


def slots_of(body: Any) -> int:
    """Return how many slots a llama.cpp server has, by its `/props`."""
    slots = _table(body).get("total_slots")
    return slots if isinstance(slots, int) and slots > 0 else 0


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
