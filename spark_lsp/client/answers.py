"""Reads the server's messages into values. Pure.

Only this module handles foreign JSON. Every reader accepts any JSON value and returns a value or None; it
never fails on a field that is missing or of another type.
"""

from dataclasses import dataclass
from typing import Any, cast

import msgspec

from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.positions import Encoding, to_offset, to_position


@dataclass(frozen=True, slots=True)
class Status:
    """`spark/status`: the engine, its state, and the speed of its last answer.

    `code` says for programs what `reason` says in words; a server other than ours may have none.
    `ttft_ms` is the time to the first token in milliseconds, `tok_s` tokens per second after it. `route` is
    the code of the reason for which a route of several engines chose this one.
    """

    engine: str | None = None
    model: str | None = None
    simulated: bool | None = None
    state: str | None = None
    reason: str | None = None
    code: str | None = None
    detail: str | None = None
    ttft_ms: float | None = None
    tok_s: float | None = None
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Ghost text: `text` replaces `[start, end)` of the document; an empty `text` means no ghost text.

    `reason` is the reason for an empty `text`, `code` the same for programs. `elapsed_ms` is the time from
    request to answer.
    """

    text: str
    start: int
    end: int
    reason: str = ""
    status: Status = Status()
    elapsed_ms: float = 0.0
    code: str = ""


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """How an edit ended: `state`, `reason` and `code` as in `spark/edit`."""

    state: str
    reason: str
    status: Status
    before: str
    after: str
    elapsed_ms: float = 0.0
    code: str = ""


def read_status(value: object) -> Status | None:
    """Read `spark/status`."""
    try:
        return msgspec.convert(value, Status)
    except msgspec.ValidationError:
        return None


def read_item(value: object) -> tuple[str, dict[str, Any] | None] | None:
    """Read the first item of an answer to inlineCompletion: `(text, range or None)`."""
    if isinstance(value, dict):
        value = cast(dict[str, Any], value).get("items", cast(object, value))
    items = cast(list[object], value) if isinstance(value, list) else [value]
    item = items[0] if items else None
    if not isinstance(item, dict):
        return None
    found = cast(dict[str, Any], item)
    text: Any = found.get("insertText")
    if isinstance(text, dict):  # a StringValue
        text = cast(dict[str, Any], text).get("value")
    return (text, found.get("range")) if isinstance(text, str) and text else None


def read_edits(value: dict[str, Any], document: Document, encoding: Encoding) -> list[Edit]:
    """Read the TextEdits of one document."""
    return [
        Edit(*read_range(edit["range"], document, encoding), edit["newText"])
        for edit in cast(list[dict[str, Any]], value.get("edits", []))
    ]


def read_range(value: dict[str, Any], document: Document, encoding: Encoding) -> tuple[int, int]:
    """Read an LSP range as offsets."""
    first, last = (
        to_offset(document, value[end]["line"], value[end]["character"], encoding) for end in ("start", "end")
    )
    return first, last


def lsp_position(document: Document, offset: int, encoding: Encoding) -> dict[str, int]:
    """Write an offset as an LSP position."""
    line, character = to_position(document, offset, encoding)
    return {"line": line, "character": character}


def lsp_range(document: Document, start: int, end: int, encoding: Encoding) -> dict[str, Any]:
    """Write offsets as an LSP range."""
    return {
        "start": lsp_position(document, start, encoding),
        "end": lsp_position(document, end, encoding),
    }


def command_argument(action: dict[str, Any]) -> dict[str, Any] | None:
    """Return the one argument of a code action's `spark.edit`; None for other code actions."""
    command = action.get("command")
    if action.get("disabled") or not isinstance(command, dict):
        return None
    found = cast(dict[str, Any], command)
    if found.get("command") != "spark.edit" or not found.get("arguments"):
        return None
    argument = found["arguments"][0]
    return cast(dict[str, Any], argument) if isinstance(argument, dict) and "action" in argument else None


def workspace_changes(edit: dict[str, Any]) -> list[tuple[str, int | None, dict[str, Any]]]:
    """Return `(uri, version, {edits})` for each document of a WorkspaceEdit."""
    if "documentChanges" in edit:
        changes = cast(list[dict[str, Any]], edit["documentChanges"])
        return [(c["textDocument"]["uri"], c["textDocument"].get("version"), c) for c in changes]
    plain = cast(dict[str, Any], edit.get("changes") or {})
    return [(uri, None, {"edits": edits}) for uri, edits in plain.items()]


def setting(settings: dict[str, Any], name: str) -> Any:
    """Return the part of the settings that a dotted section names; None if it is missing."""
    value: Any = {"spark": settings}
    for key in name.split(".") if name else []:
        value = cast(dict[str, Any], value).get(key) if isinstance(value, dict) else None
    return value
