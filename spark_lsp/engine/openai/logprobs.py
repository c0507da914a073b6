"""The log-probabilities of an answer's tokens, as servers with OpenAI's interface report them. No I/O.

`/completions` of vLLM and of OpenAI's own older servers has parallel lists; llama.cpp has one object per
token, as in chats. A shape that is not known gives no numbers, and costs nothing else.
"""

import math
from typing import Any, cast

WANTED = {"logprobs": 1}
FLAVOURS = ("vllm", "llamacpp")  # servers that are known to report them, at no cost but a few bytes


def read_logprobs(choice: dict[str, Any]) -> tuple[float, ...]:
    """Return the log-probabilities of the tokens of one event."""
    table: Any = choice.get("logprobs")
    if not isinstance(table, dict):
        return ()
    said: Any = cast(dict[str, Any], table).get("token_logprobs")
    if not isinstance(said, list):
        tokens: Any = cast(dict[str, Any], table).get("content")
        said = [_field(each) for each in cast(list[Any], tokens)] if isinstance(tokens, list) else []
    return tuple(float(each) for each in cast(list[Any], said) if _is_logprob(each))


def _field(token: Any) -> Any:
    return cast(dict[str, Any], token).get("logprob") if isinstance(token, dict) else None


def _is_logprob(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value <= 0
