"""Makes the HTTP requests for OpenAI-compatible servers. No I/O.

Completions use a fill-in-the-middle prompt at `/completions` if the model's family is known, which is faster
and better than a chat. All other requests are chats. The *flavour* of the server adds fields that only some
servers support, because others refuse fields that they do not know:

- llama.cpp keeps a cache in each of its slots; a document stays with one. It can hold an answer to a grammar,
  so a cursor inside a word is healed (see `prompts.fim`), and it tells its progress while it reads.
- Ollama frames a prompt by its model's own template; prefix and suffix are given apart.
- Cerebras takes the present text of an edit as a *prediction*, and so do OpenAI's models without reasoning.
- Mistral and DeepSeek take prefix and suffix apart, each at an address for filling in the middle.

Fields that a server has refused (see `fields`) are left out. Reasoning models are known by their name
until then: they want `max_completion_tokens`, which must leave room for the thinking, and no sampling.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from spark_lsp.config import Flavour
from spark_lsp.engine.openai import errors, logprobs
from spark_lsp.engine.openai.fields import SYSTEM
from spark_lsp.prompts import fim
from spark_lsp.prompts.chat import (
    AnswerFilter,
    BareCompletionFilter,
    FencedAnswerFilter,
    build_chat_prompt,
    trim_context,
)
from spark_lsp.prompts.context_files import ContextFile, as_comments, count_characters, list_context_files
from spark_lsp.prompts.grammar import make_grammar
from spark_lsp.prompts.target_text import target_in_request
from spark_lsp.prompts.thinking import AfterThinkingFilter
from spark_lsp.request import EditFormat, Effort, Message, PartKind, Request, Task

CHARS_PER_TOKEN = 3  # cautious: code has between three and four
AROUND_CHARS = 16_000  # text around the place: more costs time and money and helps little
COMPLETION_TOKENS = 256
ANSWER_TOKENS = 4096
THINKING_TOKENS = 1024  # more, for a model that thinks before it speaks
REASONING_TOKENS: dict[Effort, int] = {
    "fast": 1024,
    "balanced": 4096,
    "deep": 16_384,
}  # for o3, gpt-5 and such
# Ollama does not tell its context, reads so much unless told otherwise, and cuts the rest off without a word.
UNTOLD_CONTEXT: dict[Flavour, int] = {"ollama": 4096}
# Budgets for context beside the document, until the reading pace is measured: the first two kinds of servers
# often run on the user's own processor.
UNMEASURED_TOKENS: dict[Flavour, int] = {"ollama": 512, "llamacpp": 512, "cerebras": 32_768}
RESERVE_TOKENS = 512  # of the context, for the answer and the frame
MOST_STOPS = 4  # OpenAI's limit; vLLM refuses more with 400
BOUNDS = ("max_tokens", "max_completion_tokens")
_SECOND_TEMPERATURE = 0.6  # for a second answer, which should differ from the first
_SAMPLING = ("temperature", "top_p", "stop")
# OpenAI's reasoning models, also behind a router: `o3-mini`, `openai/gpt-5`.
_REASONING = re.compile(r"(?:\A|/)(?:o[1-9]|gpt-[5-9](?:\.\d+)?)(?=[-:@]|\Z)(?!-chat)", re.IGNORECASE)
# OpenAI's models with predicted outputs: https://developers.openai.com/api/docs/guides/predicted-outputs
_PREDICTS = re.compile(r"(?:\A|/)gpt-4(?:o|\.1)(?:-mini|-nano)?(?:-\d[\d-]*)?\Z", re.IGNORECASE)
# Models whose prompt already opens the thinking, so that an answer only closes it.
_PREFILLED = re.compile(r"qwq|deepseek-r1|r1-distill|[-_]thinking", re.IGNORECASE)
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
    """The model and server of a call, and their known properties.

    `family` is empty for a model that cannot fill in the middle; `slots` are those of a llama.cpp server.
    `suffixes`: the server takes prefix and suffix as separate fields, for any family. `refuses` are the
    fields that it has refused. `thinks`: an earlier answer contained reasoning; `separates`: the server keeps
    reasoning out of the text. `beside_tokens` bounds the context beside the document.
    """

    model: str
    flavour: Flavour = "openai"
    family: str = ""
    context_tokens: int = 0
    slots: int = 0
    suffixes: bool = False
    refuses: frozenset[str] = frozenset()
    thinks: bool = False
    separates: bool = False
    thinking_tokens: int = 0
    beside_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request: the path below the base URL, its body, and how the text is to be read.

    `max_tokens` bounds the answer without its thinking. `healed` characters of the answer are known.
    """

    path: str
    body: dict[str, Any]
    format: EditFormat
    reply: AnswerFilter
    max_tokens: int
    eol: str = "\n"
    healed: int = 0

    @property
    def infills(self) -> bool:
        """Whether it fills in the middle, instead of chatting about it."""
        return self.path != "/chat/completions"


def family_of(model: str, setting: str) -> str:
    """Return the family whose fill-in-the-middle tokens a model knows, or nothing."""
    if setting != "auto":
        return "" if setting == "none" else setting
    name = model.lower()
    return next((family for words, family in _FAMILIES.items() if all(word in name for word in words)), "")


def call_of(request: Request, target: Target) -> Call:
    """Return the call for a request. Raises `EngineError` for what the model's context cannot hold."""
    fixed = request.fixed_characters()
    context = target.context_tokens
    room = (context - RESERVE_TOKENS) * CHARS_PER_TOKEN - fixed if context else AROUND_CHARS
    if room < 0:
        raise errors.make_too_long_error()
    files = _choose_files(request, target, room)
    budget = min(room - count_characters(files), AROUND_CHARS) if context else AROUND_CHARS
    if request.task is Task.COMPLETE and (target.family or target.suffixes):
        return _make_infill_call(request, target, budget, files)
    return _make_chat_call(request, target, budget, files)


def _choose_files(request: Request, target: Target, room: int) -> tuple[ContextFile, ...]:
    """Return the context of a completion; with a known context length, half of the room is the document's."""
    if request.task is not Task.COMPLETE:
        return ()
    beside = target.beside_tokens * CHARS_PER_TOKEN
    return list_context_files(request, min(beside, room // 2) if target.context_tokens else beside)


def _make_infill_call(request: Request, target: Target, budget: int, files: tuple[ContextFile, ...]) -> Call:
    before, after = (text.replace("\r\n", "\n") for text in trim_context(request, budget))
    template = fim.TEMPLATES.get(target.family, fim.PLAIN)
    heals = target.flavour == "llamacpp" and "grammar" not in target.refuses
    read, fragment = fim.split_fragment(before) if heals else (before, "")
    framed = not target.suffixes and target.flavour != "ollama" and fim.reads_files(target.family)
    read = read if framed else as_comments(files, request.language) + read
    tokens = request.max_tokens or COMPLETION_TOKENS
    body = _make_body(target, tokens, request)
    if target.suffixes:
        body |= {"prompt": read, "suffix": after or "\n"}
    elif target.flavour == "ollama":
        body |= {
            "prompt": fim.split_control_tokens(read, template),
            "suffix": fim.split_control_tokens(after, template) or "\n",
        }
    else:
        body["prompt"] = fim.render_prompt(read, after, target.family, files if framed else ())
    most = None if target.flavour in ("llamacpp", "ollama") else MOST_STOPS
    stops = (*(() if target.suffixes else template.stop), *request.stop)
    if stops:
        body["stop"] = list(dict.fromkeys(stops))[:most]
    is_free = not (request.starts or request.avoided)  # the model would not have chosen such a beginning
    if request.scored and is_free and target.flavour in logprobs.FLAVOURS:
        body |= logprobs.WANTED
    if heals and (grammar := make_grammar(fragment, request.starts, request.avoided)):
        body["grammar"] = grammar
    reply = fim.FimAnswerFilter(fragment, lines=request.max_lines, opens=fim.may_start_with_newline(before))
    path = "/fim/completions" if target.flavour == "mistral" else "/completions"
    kept, eol = _remove_refused_fields(body, target), _find_line_end(request)
    return Call(path, kept, EditFormat.TEXT, reply, tokens, eol, len(fragment))


def _make_chat_call(request: Request, target: Target, budget: int, files: tuple[ContextFile, ...]) -> Call:
    chat = build_chat_prompt(request, budget, files)
    tokens = request.max_tokens or (COMPLETION_TOKENS if request.task is Task.COMPLETE else ANSWER_TOKENS)
    body = _make_body(target, tokens + _thinking_tokens(request, target), request)
    if "gpt-oss" in target.model.lower() or _may_reason(target):
        body["reasoning_effort"] = "low" if request.task is Task.COMPLETE else _EFFORTS[request.effort]
    body["messages"] = _make_messages(chat.messages, target)
    if _takes_prediction(target, body) and (text := request.text_of(PartKind.TARGET)):
        body["prediction"] = {"type": "content", "content": text}
    prefilled = bool(_PREFILLED.search(target.model)) and not target.separates
    reply = AfterThinkingFilter(make_reader(request), prefilled)
    return Call(
        "/chat/completions",
        _remove_refused_fields(body, target),
        chat.format,
        reply,
        tokens,
        _find_line_end(request),
    )


def _takes_prediction(target: Target, body: dict[str, Any]) -> bool:
    """Return whether the model is known to take a prediction; a service that refuses it is remembered.

    OpenAI's models take it beside `max_tokens` only:
    https://learn.microsoft.com/azure/ai-services/openai/how-to/predicted-outputs
    """
    if target.flavour == "openai":
        return bool(_PREDICTS.search(target.model)) and "max_tokens" in body
    return target.flavour == "cerebras"


def _may_reason(target: Target) -> bool:
    """Return whether this is an OpenAI reasoning model, by its name or by the fields it refuses."""
    return bool(_REASONING.search(target.model)) or "max_tokens" in target.refuses


def may_reason(target: Target) -> bool:
    """Return whether the model is known to reason first: by the settings, its name, or an earlier answer."""
    if target.thinking_tokens or target.thinks or _may_reason(target):
        return True
    return "gpt-oss" in target.model.lower() or _PREFILLED.search(target.model) is not None


def _thinking_tokens(request: Request, target: Target) -> int:
    """Return how many tokens the model may use for reasoning, in addition to its answer."""
    if target.thinking_tokens:
        return target.thinking_tokens
    if _may_reason(target):
        return REASONING_TOKENS["fast" if request.task is Task.COMPLETE else request.effort]
    return THINKING_TOKENS if may_reason(target) else 0


def _make_messages(turns: tuple[Message, ...], target: Target) -> list[dict[str, str]]:
    """Return the messages; where the role `system` is refused, its text goes before the first question."""
    said = [{"role": turn.role, "content": turn.text} for turn in turns]
    if SYSTEM not in target.refuses:
        return said
    rules = [each["content"] for each in said if each["role"] == "system"]
    rest = [each for each in said if each["role"] != "system"]
    rest[0]["content"] = "\n\n".join([*rules, rest[0]["content"]])
    return rest


def _remove_refused_fields(body: dict[str, Any], target: Target) -> dict[str, Any]:
    """Return a body without the fields that the server does not accept."""
    sampling = _SAMPLING if _REASONING.search(target.model) else ()
    return {key: value for key, value in body.items() if key not in target.refuses and key not in sampling}


def make_reader(request: Request) -> AnswerFilter:
    """Return the filter for the answer of a chat model."""
    if request.task is Task.COMPLETE:
        before = request.text_of(PartKind.PREFIX)
        return BareCompletionFilter(
            before[max(before.rfind("\n"), before.rfind("\r")) + 1 :], request.language
        )
    return (
        FencedAnswerFilter(target_in_request(request))
        if request.task is Task.EDIT
        else fim.FimAnswerFilter(lines=0)
    )


def _make_body(target: Target, tokens: int, request: Request) -> dict[str, Any]:
    temperature = 0 if request.attempt == 1 else _SECOND_TEMPERATURE
    body: dict[str, Any] = {
        "model": target.model,
        _choose_limit_field(target): tokens,
        "temperature": temperature,
        "stream": True,
    }
    if target.flavour not in ("generic", "mistral"):
        body["stream_options"] = {"include_usage": True}
    if target.flavour == "llamacpp":
        body |= {"cache_prompt": True, "return_progress": True}
        if target.slots and request.task is Task.COMPLETE:
            body["id_slot"] = _choose_slot(request.origin, target.slots)
    return body


def _choose_limit_field(target: Target) -> str:
    """Return the field that bounds the answer, of the two the one that was not refused."""
    later = target.flavour == "cerebras" or bool(_REASONING.search(target.model))
    order = BOUNDS[::-1] if later else BOUNDS
    return next((name for name in order if name not in target.refuses), order[0])


def _choose_slot(origin: str, slots: int) -> int:
    """Return the slot of a document: left to itself the server gives the next key a cold one, while the
    request that was just cancelled still holds the warm one."""
    return int.from_bytes(hashlib.blake2b(origin.encode("utf-8", "replace"), digest_size=4).digest()) % slots


def _find_line_end(request: Request) -> str:
    return "\r\n" if request.task is Task.COMPLETE and any("\r\n" in p.text for p in request.parts) else "\n"
