"""The settings as a JSON schema and as a table for the documentation, both from the dataclasses of `config`.

The schema is for the section `spark` of an editor's settings (draft 2020-12); `engines` tables are the same
in `config.toml`.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, get_type_hints

import msgspec

from spark_lsp.config import (
    ACTIONS,
    ENGINE_KINDS,
    EngineBudget,
    OwnAction,
    PriceSettings,
    Profile,
    RouteRules,
    Settings,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the JSON schema of the section `spark`."""
    return {"$schema": DRAFT, "title": "spark-lsp", **_table(Settings)}


def _table(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    properties = {item.name: _property(kind, item, hints[item.name]) for item in dataclasses.fields(kind)}
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "properties": properties,
        "additionalProperties": False,
    }


def _property(kind: type[Any], item: "dataclasses.Field[Any]", hint: Any) -> dict[str, Any]:
    if kind is Settings and item.name == "engines":
        tables = [{**_table(each), "required": ["kind"]} for each in ENGINE_KINDS.values()]
        return {"type": "object", "additionalProperties": {"oneOf": tables}}
    if kind is Settings and item.name == ACTIONS:
        items = {**_table(OwnAction), "required": ["title", "instruction"]}
        return {"type": "array", "items": items, "default": []}
    if kind is Settings and item.name == "profiles":
        return {"type": "object", "additionalProperties": _table(Profile)}
    if kind is Settings and item.name == "routing":
        return {"type": "object", "additionalProperties": _table(RouteRules)}
    if dataclasses.is_dataclass(hint):
        return _table(hint)  # type: ignore[arg-type]
    default: Any = getattr(kind(), item.name)
    return {**msgspec.json.schema(hint), "default": msgspec.to_builtins(default)}


def rows() -> Iterator[tuple[str, str, str]]:
    """Give `(dotted name, default as JSON, meaning)` of every setting but the engines' tables."""
    for item in dataclasses.fields(Settings):
        hint = get_type_hints(Settings)[item.name]
        if dataclasses.is_dataclass(hint):
            yield from _rows(hint, item.name)  # type: ignore[arg-type]


def engine_rows() -> Iterator[tuple[str, str, str, str]]:
    """Give `(kind, name, default as JSON, meaning)` of the engines' tables, without budgets and prices."""
    for kind, table in ENGINE_KINDS.items():
        for name, default, meaning in _rows(table, ""):
            if name != "kind" and not name.startswith(("budget.", "price.")):
                yield kind, name, default, meaning


def budget_rows() -> Iterator[tuple[str, str, str]]:
    """Give `(name, default as JSON, meaning)` of the budget and the price of an engine of any kind."""
    yield from _rows(EngineBudget, "budget")
    yield from _rows(PriceSettings, "price")


def own_action_rows() -> Iterator[tuple[str, str, str]]:
    """Give `(name, default as JSON, meaning)` of the tables of the user's own actions."""
    yield from _rows(OwnAction, "")


def profile_rows() -> Iterator[tuple[str, str, str]]:
    """Give `(name, default as JSON, meaning)` of the tables of simulated machines."""
    yield from _rows(Profile, "")


def routing_rows() -> Iterator[tuple[str, str, str]]:
    """Give `(name, default as JSON, meaning)` of the tables of routes' rules."""
    yield from _rows(RouteRules, "")


def _rows(kind: type[Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    yield from _table_rows(_table(kind), prefix)


def _table_rows(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, described in table["properties"].items():
        full = f"{prefix}.{name}" if prefix else name
        if "properties" in described:
            yield from _table_rows(described, full)
        else:
            default = msgspec.json.encode(described.get("default")).decode()
            yield full, default, described.get("description", "")
