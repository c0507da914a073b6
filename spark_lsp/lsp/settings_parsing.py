"""Reads the settings out of the values that an editor sends.

Every value may be `{"spark": {…}}` or the section alone, with nested tables or with dotted names.
"""

import os
from collections.abc import Collection, Mapping
from typing import Any, cast

from spark_lsp.config import ACTIONS, MAPPINGS, TABLES, KeyedSettings, Settings

SECTION = "spark"
CLIENT = "client"  # a client describes itself there; it is not a setting


def extract_section(value: object) -> dict[str, Any]:
    """Return the settings in a value that an editor sent, dotted names as tables."""
    if not isinstance(value, Mapping):
        return {}
    values = _nest_dotted_names(cast(Mapping[str, Any], value))
    inner = values.get(SECTION, values)
    if not isinstance(inner, Mapping):
        return {}
    settings = _nest_dotted_names(cast(Mapping[str, Any], inner))
    return {key: each for key, each in settings.items() if key != CLIENT}


def _nest_dotted_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with nested tables instead of dotted names such as `context.exclude`."""
    result: dict[str, Any] = {name: each for name, each in values.items() if "." not in name}
    for name, each in values.items():
        head, dot, rest = name.partition(".")
        if dot:
            table = result.get(head)
            given = dict(cast(Mapping[str, Any], table)) if isinstance(table, Mapping) else dict[str, Any]()
            result[head] = _nest_dotted_names({**given, rest: each})
    return result


def is_foreign(value: object) -> bool:
    """Return whether a pushed value is only about other programs: some clients push all of their settings."""
    if not isinstance(value, Mapping):
        return False
    names = {name.partition(".")[0] for name in cast(Mapping[str, Any], value)}
    return names.isdisjoint({SECTION, ACTIONS, *TABLES, *MAPPINGS})


def client_declares(options: object, ability: str) -> bool:
    """Return whether a client declares an ability.

    `growing`: it shows ghost text while the text is streamed. `previews`: it shows the hunks of an edit
    before they are applied. `rejects`: it reports that the user has sent a suggestion away. `explains`: it
    shows the text of `spark/explanation`.
    """
    if not isinstance(options, Mapping):
        return False
    values = cast(Mapping[str, Any], options)
    client = EditorValues(EditorValues(values).get_table(SECTION) or values).get_table(CLIENT)
    return client.get(ability) is True


class EditorValues:
    """The editor's settings that the gateway must know."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get_table(self, name: str) -> dict[str, Any]:
        """Return a table by name; any other value counts as an empty table."""
        value = self._values.get(name)
        return dict(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else {}

    def list_routes(self) -> dict[str, list[str]]:
        """Return the routes, which may be given in two tables."""
        both = {
            **self.get_table("routes"),
            **EditorValues(self.get_table("engine")).get_table("routes"),
        }
        lists = {route: cast(list[Any], names) for route, names in both.items() if isinstance(names, list)}
        return {route: [str(name) for name in names] for route, names in lists.items()}


def collect_keys(settings: Settings, waiting: Collection[str]) -> dict[str, str]:
    """Return the environment variables from which engines take their keys, with their values.

    Engines that are `waiting` for an approval get none, because their settings could name any variable.
    """
    tables = (table for name, table in settings.engines.items() if name not in waiting)
    names = {table.key_env for table in tables if isinstance(table, KeyedSettings)}
    return {name: os.environ[name] for name in sorted(names) if os.environ.get(name)}
