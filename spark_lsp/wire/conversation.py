"""Converts `input` of the Responses API to the turns that a text engine reads.

Messages keep their roles; the `developer` role becomes `system`. Tool calls and their results become text:
engines here cannot call tools, but a conversation that contains them must still make sense. Items without
text (encrypted reasoning, unknown kinds) are skipped. Pictures, sound and files are refused, because an
answer that silently ignores them would mislead the user.
"""

from collections.abc import Iterable
from typing import Any, cast

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Message, Role

_ROLES: dict[str, Role] = {"assistant": "assistant", "system": "system", "developer": "system"}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_MEDIA = ("image", "audio", "file")

Items = str | list[Any] | None


def read_turns(given: Items) -> tuple[Message, ...]:
    """Return the turns of `input`. Raises `RemoteProtocolError` for input that is not text."""
    items: list[Any] = [given] if isinstance(given, str) else given or []
    turns = (_read_turn(item) for item in items)
    return tuple(turn for turn in turns if turn.text)


def _read_turn(item: Any) -> Message:
    if isinstance(item, str):
        return Message("user", item)
    if not isinstance(item, dict):
        raise RemoteProtocolError("An input item must be an object", code=Code.INVALID_REQUEST)
    fields = cast(dict[str, Any], item)
    kind = str(fields.get("type", "message"))
    if kind in _CALLS:
        return Message("assistant", f"{fields.get('name', '')}({fields.get(_CALLS[kind], '')})")
    content: Any = fields.get("content", fields.get("output", ""))
    return Message(_ROLES.get(str(fields.get("role", "user")), "user"), _join_texts(content))


def _join_texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    contents = cast(list[Any], content) if isinstance(content, list) else []
    return "\n\n".join(_find_texts(contents))


def _find_texts(contents: Iterable[Any]) -> Iterable[str]:
    for content in contents:
        fields = cast(dict[str, Any], content) if isinstance(content, dict) else {}
        kind = str(fields.get("type", ""))
        if any(medium in kind for medium in _MEDIA):
            raise RemoteProtocolError("Engines here read text only", code=Code.UNSUPPORTED_CONTENT)
        if text := fields.get("text"):
            yield str(text)


def read_steering_turns(given: Items) -> tuple[Message, ...]:
    """Return the turns of a `response.steer`, which accepts messages of the user only.

    Raises `RemoteProtocolError` `invalid_input` for anything else.
    """
    try:
        turns = read_turns(given)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(error.what, code=Code.INVALID_INPUT) from error
    if not turns or any(turn.role != "user" for turn in turns):
        raise RemoteProtocolError("Steering takes one or more messages of the user", code=Code.INVALID_INPUT)
    return turns
