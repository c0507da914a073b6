"""Messages that clients of the field send and LSP does not allow, mended where their meaning is clear.

A message whose meaning is not clear is not guessed: `didChange` and `didOpen` then carry `UNREADABLE` as
their version, so that the document is known to be out of sync, not silently older than the editor's text.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

NEXT = -(2**31)  # stands for a version that the client did not give
UNREADABLE = NEXT + 1  # stands for a text or a change that cannot be read
LAST = 2**31 - 1

Params = dict[str, Any]


def mended(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message whose parameters have the types of LSP, where what the client means is clear."""
    params, mend = message.get("params"), _MENDS.get(str(message.get("method")))
    if mend is _did_change_configuration and params is None:
        params = {}
    if mend is None or not isinstance(params, dict):
        return message
    given = cast(Params, params)
    fitting = mend(given)
    return message if fitting is given else {**message, "params": fitting}


def _inline_completion(params: Params) -> Params:
    """Older clients count `triggerKind` from 0."""
    kind = _table(params.get("context")).get("triggerKind")
    return params if kind in (1, 2) else {**params, "context": {"triggerKind": 2}}


def _initialize(params: Params) -> Params:
    """A root that is no URI is not used; encodings that are no list of texts count as not given."""
    if not _is_uri(params.get("rootUri")):
        params = {**params, "rootUri": None}
    general = _table(_table(params.get("capabilities")).get("general"))
    encodings = general.get("positionEncodings")
    if encodings is not None and not _all_texts(encodings):
        general = {name: value for name, value in general.items() if name != "positionEncodings"}
        params = {**params, "capabilities": {**params["capabilities"], "general": general}}
    return params


def _did_change_configuration(params: Params) -> Params:
    """A change without `settings` is a hint that they have changed, as null is."""
    return params if "settings" in params else {**params, "settings": None}


def _did_open(params: Params) -> Params:
    item = _table(params.get("textDocument"))
    version = _whole(item.get("version"))
    language = item.get("languageId")
    item = {
        **item,
        "version": NEXT if version is None else version,
        "languageId": language if isinstance(language, str) else "",
    }
    if not isinstance(item.get("text"), str):
        item |= {"text": "", "version": UNREADABLE}
    return {**params, "textDocument": item}


def _did_change(params: Params) -> Params:
    identifier = _table(params.get("textDocument"))
    version, given = _whole(identifier.get("version")), params.get("contentChanges")
    version = NEXT if version is None else version
    changes = [_change(each) for each in cast(list[Any], given)] if isinstance(given, list) else [None]
    if None in changes:
        changes, version = [], UNREADABLE
    return {**params, "textDocument": {**identifier, "version": version}, "contentChanges": changes}


def _change(value: Any) -> Params | None:
    """Return one change, or None if it does not say what to put where."""
    change = _table(value)
    text, range_ = change.get("text"), change.get("range")
    if not isinstance(text, str):
        return None
    if range_ is None:  # with the length of a range that is missing, the text is not all of the document
        return None if change.get("rangeLength") is not None else {"text": text}
    start, end = (_position(_table(range_).get(side)) for side in ("start", "end"))
    if start is None or end is None:
        return None
    return {"text": text, "range": {"start": start, "end": end}}


def _position(value: Any) -> Params | None:
    line, character = (_whole(_table(value).get(name)) for name in ("line", "character"))
    if line is None or character is None or line < 0 or character < 0:
        return None
    return {"line": line, "character": character}


def _did_save(params: Params) -> Params:
    if "text" not in params or isinstance(params["text"], str):
        return params
    return {name: value for name, value in params.items() if name != "text"}


def _code_action(params: Params) -> Params:
    """Diagnostics that are missing are none; kinds that are no texts name nothing."""
    context = _table(params.get("context"))
    diagnostics, only = context.get("diagnostics"), context.get("only")
    found = cast(list[Any], diagnostics) if isinstance(diagnostics, list) else []
    mended = {**context, "diagnostics": [each for each in found if isinstance(each, dict)]}
    if context.get("triggerKind") not in (1, 2):
        mended.pop("triggerKind", None)
    if only is not None:
        mended["only"] = [only] if isinstance(only, str) else _texts(only)
    return {**params, "context": mended}


_MENDS: Mapping[str, Callable[[Params], Params]] = {
    "initialize": _initialize,
    "workspace/didChangeConfiguration": _did_change_configuration,
    "textDocument/didOpen": _did_open,
    "textDocument/didChange": _did_change,
    "textDocument/didSave": _did_save,
    "textDocument/codeAction": _code_action,
    "textDocument/inlineCompletion": _inline_completion,
}


def _table(value: Any) -> Params:
    return cast(Params, value) if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return (
        [each for each in cast(list[Any], value) if isinstance(each, str)] if isinstance(value, list) else []
    )


def _all_texts(value: Any) -> bool:
    return isinstance(value, list) and len(_texts(value)) == len(cast(list[Any], value))


def _whole(value: Any) -> int | None:
    """Return a whole number within LSP's bounds, which some clients write as `1.0`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not UNREADABLE < value <= LAST:
        return None
    return int(value) if value == int(value) else None


def _is_uri(value: object) -> bool:
    with suppress(ValueError):
        return isinstance(value, str) and bool(urlsplit(value).scheme)
    return False
