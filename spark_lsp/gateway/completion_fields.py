"""The fields of `POST /v1/completions`, OpenAI's legacy interface, as a request for the text at a cursor.

Unknown fields are ignored, and so are those of the sampling: engines here choose the most likely token. A
field that would change the meaning of the answer, such as `n` or `echo`, is refused. `max_lines` is our own
addition; it may also be in the URL, for a plug-in whose fields cannot be chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import msgspec

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.prompts.raw_fim import RawPrompt, parse_raw_prompt
from spark_lsp.request import PartKind, Task

DEFAULT_TOKENS = 16  # OpenAI's default for this interface
MAX_TOKENS = 1_000_000
MAX_LINES = 1000
ORIGIN = "completions"  # all of them are one document to an engine's caches, apart from those of editors
MAX_STOPS = 16
MAX_STOP_CHARS = 1024
_REFUSED = {"n": (1,), "best_of": (1,), "echo": (False,), "logprobs": (False,)}
"""Fields that change the meaning of the answer, and their values (besides null) that do not."""


class FieldError(RemoteProtocolError):
    """A field of the request is invalid; `param` is its name."""

    def __init__(self, param: str, what: str, remedy: str, code: Code = Code.INVALID_REQUEST) -> None:
        super().__init__(what, "The request was not answered", remedy, code=code)
        self.param = param


@dataclass(frozen=True, slots=True)
class Completion:
    """One request for a completion. `model` is empty for the route of completions."""

    prompt: RawPrompt
    model: str
    max_tokens: int
    max_lines: int
    stop: tuple[str, ...]
    stream: bool
    reports_usage: bool

    @property
    def message(self) -> str:
        """The request as a `response.create` message with a `spark` object."""
        parts = [{"kind": PartKind.FILE, "text": text, "uri": path} for path, text in self.prompt.files]
        parts += [
            {"kind": PartKind.PREFIX, "text": self.prompt.prefix},
            {"kind": PartKind.SUFFIX, "text": self.prompt.suffix},
        ]
        create = {
            "type": "response.create",
            "model": self.model or None,
            "max_output_tokens": self.max_tokens,
            "spark": {
                "task": Task.COMPLETE,
                "parts": parts,
                "stop": self.stop,
                "max_lines": self.max_lines,
                "origin": ORIGIN,
            },
        }
        return msgspec.json.encode(create).decode()


def read_completion(body: Mapping[str, Any], query: Mapping[str, str] = MappingProxyType({})) -> Completion:
    """Return the request of a body's fields. Raises `FieldError` for a field that cannot be served.

    `query` has the parameters of the URL; only `max_lines` is read, unless the body has it too.
    """
    lines = query.get("max_lines", "")
    fields = (
        {"max_lines": int(lines) if lines.isdecimal() and len(lines) < 10 else lines, **body}
        if lines
        else body
    )
    for name, harmless in _REFUSED.items():
        _refuse_unless(name, fields.get(name), harmless)
    options = _read(fields, "stream_options", dict, {})
    return Completion(
        prompt=_read_prompt(fields),
        model=_read(fields, "model", str, ""),
        max_tokens=_read_integer(fields, "max_tokens", DEFAULT_TOKENS, 1, MAX_TOKENS),
        max_lines=_read_integer(fields, "max_lines", 0, 0, MAX_LINES),
        stop=_read_stop(fields.get("stop")),
        stream=_read(fields, "stream", bool, False),
        reports_usage=options.get("include_usage") is True,
    )


def _refuse_unless(name: str, value: Any, harmless: tuple[Any, ...]) -> None:
    if value is None or any(value is each or value == each for each in harmless):
        return
    raise FieldError(
        name,
        f"`{name}` is not offered: there is one answer, without the prompt and without probabilities",
        f"Leave `{name}` out",
        Code.UNSUPPORTED_PARAMETER,
    )


def _read(fields: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    """Return a field of one type, or `default` if it is missing or null."""
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise FieldError(name, f"`{name}` has the wrong type", f"Send a JSON {_JSON_NAMES[kind]}")
    return value


_JSON_NAMES: dict[type, str] = {str: "string", bool: "true or false", dict: "object"}


def _read_prompt(fields: Mapping[str, Any]) -> RawPrompt:
    """Return the parts of the prompt: from `suffix`, or from the control tokens in `prompt`."""
    prompt: Any = fields.get("prompt")
    if isinstance(prompt, list) and len(cast(list[Any], prompt)) == 1:
        prompt = cast(list[Any], prompt)[0]
    if not isinstance(prompt, str):
        raise FieldError(
            "prompt", "`prompt` is not a text", "Send one string; tokens are not understood here"
        )
    suffix: str = _read(fields, "suffix", str, "")
    raw = None if suffix else parse_raw_prompt(prompt)
    return raw or RawPrompt(prompt, suffix)


def _read_integer(fields: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if type(value) is not int or not least <= value <= most:
        raise FieldError(name, f"`{name}` is invalid", f"Send an integer from {least} to {most}")
    return value


def _read_stop(value: Any) -> tuple[str, ...]:
    stops: list[Any] = cast(list[Any], value) if isinstance(value, list) else [value]
    if value is None or value == []:
        return ()
    are_strings = all(isinstance(stop, str) and 0 < len(stop) <= MAX_STOP_CHARS for stop in stops)
    if len(stops) > MAX_STOPS or not are_strings:
        limits = f"{MAX_STOPS} strings of 1 to {MAX_STOP_CHARS} characters"
        raise FieldError("stop", "`stop` is invalid", f"Send a string, or an array of at most {limits}")
    return tuple(stops)
