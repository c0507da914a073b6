"""Between `input` of the Responses API and the turns that a text engine reads.

Messages keep their roles; a developer's word is the system's. What tools were asked and what they answered
is text too: engines here cannot call tools, but a conversation with them in it must still make sense. What
has no text (reasoning that is encrypted, items of kinds unknown here) is passed over; pictures, sound and
files are refused, since an answer that ignores them would look as if it did not.
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


def turns_of(given: Items) -> tuple[Message, ...]:
    """Return the turns of `input`. Raises `RemoteProtocolError` for what no text engine can read."""
    items: list[Any] = [given] if isinstance(given, str) else given or []
    turns = (_turn(item) for item in items)
    return tuple(turn for turn in turns if turn.text)


def _turn(item: Any) -> Message:
    if isinstance(item, str):
        return Message("user", item)
    if not isinstance(item, dict):
        raise RemoteProtocolError("An input item must be an object", code=Code.INVALID_REQUEST)
    fields = cast(dict[str, Any], item)
    kind = str(fields.get("type", "message"))
    if kind in _CALLS:
        return Message("assistant", f"{fields.get('name', '')}({fields.get(_CALLS[kind], '')})")
    content: Any = fields.get("content", fields.get("output", ""))
    return Message(_ROLES.get(str(fields.get("role", "user")), "user"), _text(content))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    contents = cast(list[Any], content) if isinstance(content, list) else []
    return "\n\n".join(_texts(contents))


def _texts(contents: Iterable[Any]) -> Iterable[str]:
    for content in contents:
        fields = cast(dict[str, Any], content) if isinstance(content, dict) else {}
        kind = str(fields.get("type", ""))
        if any(medium in kind for medium in _MEDIA):
            raise RemoteProtocolError("Engines here read text only", code=Code.UNSUPPORTED_CONTENT)
        if text := fields.get("text"):
            yield str(text)


def steered(given: Items) -> tuple[Message, ...]:
    """Return the turns of a `response.steer`, which takes words of the user only.

    Raises `RemoteProtocolError` `invalid_input` for anything else.
    """
    try:
        turns = turns_of(given)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(error.what, code=Code.INVALID_INPUT) from error
    if not turns or any(turn.role != "user" for turn in turns):
        raise RemoteProtocolError("Steering takes one or more messages of the user", code=Code.INVALID_INPUT)
    return turns
