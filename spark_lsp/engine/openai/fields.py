"""Find out which fields of a request a server does not accept, from the error that it sends. No I/O.

Servers with OpenAI's interface accept different fields: reasoning models refuse `max_tokens`, `temperature`
and `stop`, Mistral and others refuse every field that they do not know. There is no way to ask in advance,
so the refused field is learned from the error and left out, or replaced, from then on. Each server says it
in its own words; the shapes here are those of OpenAI, Azure, Mistral, vLLM, Groq, Fireworks, Cerebras, Gemini
and of servers built with pydantic or serde.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, cast

SYSTEM = "system"  # stands for messages with the role `system`, which some chat templates refuse
NEEDED = ("model", "messages", "prompt", "stream")  # without these there is no request
_REFUSES = re.compile(
    r"unsupported|not (?:be )?supported|unrecogni[sz]ed|unknown|unexpected|not (?:permitted|allowed|accepted)"
    r"|does(?:n't| not) support|extra (?:inputs?|fields?)|additional propert|forbidden"
    r"|invalid (?:arg|param|field)|cannot find field|not a valid",
    re.IGNORECASE,
)
_SYSTEM = re.compile(r"system role|role[^.]{0,40}system|system[^.]{0,20}role|system message", re.IGNORECASE)
_MOST_TEXTS = 50


def refused_fields(body: bytes, sent: Collection[str]) -> frozenset[str]:
    """Return those of the `sent` fields that an error of status 400 or 422 refuses; empty if it names none.

    A field that the error names by a `param` or a path counts in any case; one that only its message mentions
    counts if the message speaks of fields that are refused, and then the first that it mentions.
    """
    try:
        error: Any = json.loads(body)
    except (ValueError, RecursionError):
        error = body.decode("utf-8", "replace")
    optional = [name for name in sent if name not in NEEDED]
    tables = list(_tables(error))
    if named := {name for table in tables for name in _find_named_field(table) if name in optional}:
        return frozenset(named)
    texts = [text for text in _texts(error, tables) if _REFUSES.search(text)]
    if SYSTEM in sent and any(_SYSTEM.search(text) for text in texts):
        return frozenset((SYSTEM,))
    return frozenset(first for text in texts for first in _first_mentioned(text, optional))


def _tables(error: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Give all objects of an error, however they are nested in `error`, `detail` or lists."""
    if isinstance(error, dict):
        table = cast(dict[str, Any], error)
        yield table
        for key in ("error", "detail", "message", "errors", "metadata"):
            if depth < 6:
                yield from _tables(table.get(key), depth + 1)
    elif isinstance(error, list) and depth < 6:
        for each in cast(list[Any], error)[:_MOST_TEXTS]:
            yield from _tables(each, depth + 1)


def _find_named_field(table: dict[str, Any]) -> Iterator[str]:
    """Give the field that an object names: `param`, or a pydantic path such as `["body", "stop"]`."""
    if isinstance(param := table.get("param"), str):
        yield re.split(r"[.\[]", param.removeprefix("body."))[0]
    loc: Any = table.get("loc")
    if isinstance(loc, list):
        path = [str(each) for each in cast(list[Any], loc) if each != "body"]
        yield path[0] if path else ""


def _texts(error: Any, tables: list[dict[str, Any]]) -> list[str]:
    if isinstance(error, str):
        return [error]
    texts = [table.get(key) for table in tables for key in ("message", "msg", "detail", "error", "raw")]
    return [text for text in texts if isinstance(text, str)][:_MOST_TEXTS]


def _first_mentioned(text: str, fields: Collection[str]) -> list[str]:
    """Return the field that a message mentions first: a list of accepted fields often follows it."""
    found = [
        (match.start(), name)
        for name in fields
        if (match := re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text))
    ]
    return [min(found)[1]] if found else []
