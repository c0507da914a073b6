"""Repairs messages that some clients send and LSP does not allow, if their meaning is clear.

A message with an unclear meaning is not guessed. `didChange` and `didOpen` then have the version
`UNREADABLE`, so that the document counts as out of sync, not as an older text.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

NEXT = -(2**31)  # the version of a document whose client gives none
UNREADABLE = NEXT + 1  # the version of an unreadable text or change
MAX_INTEGER = 2**31 - 1  # of LSP

Params = dict[str, Any]


def repair(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message whose parameters have the types of LSP, if their meaning is clear."""
    params = message.get("params")
    repair_params = _REPAIRS.get(str(message.get("method")))
    if repair_params is _repair_did_change_configuration and params is None:
        params = {}
    if repair_params is None or not isinstance(params, dict):
        return message
    given = cast(Params, params)
    repaired = repair_params(given)
    return message if repaired is given else {**message, "params": repaired}


def _repair_inline_completion(params: Params) -> Params:
    """Repair `triggerKind`: older clients count it from 0."""
    kind = _as_table(params.get("context")).get("triggerKind")
    return params if kind in (1, 2) else {**params, "context": {"triggerKind": 2}}


def _repair_initialize(params: Params) -> Params:
    """Ignore an invalid root URI, and position encodings in a form other than a list of strings."""
    if not _is_uri(params.get("rootUri")):
        params = {**params, "rootUri": None}
    general = _as_table(_as_table(params.get("capabilities")).get("general"))
    encodings = general.get("positionEncodings")
    if encodings is not None and not _is_list_of_strings(encodings):
        general = {name: value for name, value in general.items() if name != "positionEncodings"}
        params = {**params, "capabilities": {**params["capabilities"], "general": general}}
    return params


def _repair_did_change_configuration(params: Params) -> Params:
    """Treat a missing `settings` like null: it means that some settings have changed."""
    return params if "settings" in params else {**params, "settings": None}


def _repair_did_open(params: Params) -> Params:
    item = _as_table(params.get("textDocument"))
    version = _read_integer(item.get("version"))
    language = item.get("languageId")
    item = {
        **item,
        "version": NEXT if version is None else version,
        "languageId": language if isinstance(language, str) else "",
    }
    if not isinstance(item.get("text"), str):
        item |= {"text": "", "version": UNREADABLE}
    return {**params, "textDocument": item}


def _repair_did_change(params: Params) -> Params:
    identifier = _as_table(params.get("textDocument"))
    version, given = _read_integer(identifier.get("version")), params.get("contentChanges")
    version = NEXT if version is None else version
    changes = [_repair_change(each) for each in cast(list[Any], given)] if isinstance(given, list) else [None]
    if None in changes:
        changes, version = [], UNREADABLE
    return {**params, "textDocument": {**identifier, "version": version}, "contentChanges": changes}


def _repair_change(value: Any) -> Params | None:
    """Return one change; None without a valid text and range."""
    change = _as_table(value)
    text, range_ = change.get("text"), change.get("range")
    if not isinstance(text, str):
        return None
    if range_ is None:  # with a length, the range was lost, and the text is not the complete document
        return None if change.get("rangeLength") is not None else {"text": text}
    start, end = (_repair_position(_as_table(range_).get(side)) for side in ("start", "end"))
    if start is None or end is None:
        return None
    return {"text": text, "range": {"start": start, "end": end}}


def _repair_position(value: Any) -> Params | None:
    line, character = (_read_integer(_as_table(value).get(name)) for name in ("line", "character"))
    if line is None or character is None or line < 0 or character < 0:
        return None
    return {"line": line, "character": character}


def _repair_did_save(params: Params) -> Params:
    if "text" not in params or isinstance(params["text"], str):
        return params
    return {name: value for name, value in params.items() if name != "text"}


def _repair_code_action(params: Params) -> Params:
    """Drop invalid diagnostics and kinds; missing diagnostics become an empty list."""
    context = _as_table(params.get("context"))
    diagnostics, only = context.get("diagnostics"), context.get("only")
    found = cast(list[Any], diagnostics) if isinstance(diagnostics, list) else []
    repaired: Params = {**context, "diagnostics": [each for each in found if isinstance(each, dict)]}
    if context.get("triggerKind") not in (1, 2):
        repaired.pop("triggerKind", None)
    if only is not None:
        repaired["only"] = [only] if isinstance(only, str) else _select_strings(only)
    return {**params, "context": repaired}


_REPAIRS: Mapping[str, Callable[[Params], Params]] = {
    "initialize": _repair_initialize,
    "workspace/didChangeConfiguration": _repair_did_change_configuration,
    "textDocument/didOpen": _repair_did_open,
    "textDocument/didChange": _repair_did_change,
    "textDocument/didSave": _repair_did_save,
    "textDocument/codeAction": _repair_code_action,
    "textDocument/inlineCompletion": _repair_inline_completion,
}


def _as_table(value: Any) -> Params:
    return cast(Params, value) if isinstance(value, dict) else {}


def _select_strings(value: Any) -> list[str]:
    return (
        [each for each in cast(list[Any], value) if isinstance(each, str)] if isinstance(value, list) else []
    )


def _is_list_of_strings(value: Any) -> bool:
    return isinstance(value, list) and len(_select_strings(value)) == len(cast(list[Any], value))


def _read_integer(value: Any) -> int | None:
    """Return an integer within LSP's bounds, which some clients write as `1.0`; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not UNREADABLE < value <= MAX_INTEGER:
        return None
    return int(value) if value == int(value) else None


def _is_uri(value: object) -> bool:
    with suppress(ValueError):
        return isinstance(value, str) and bool(urlsplit(value).scheme)
    return False
