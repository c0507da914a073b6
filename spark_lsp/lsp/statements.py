"""Merges the settings that an editor sends.

A client sends settings in three ways: with `initialize`; in its answer to `workspace/configuration`, which
has the complete section; and with `workspace/didChangeConfiguration`, all or a part of them. Null, a missing
name and a value of the wrong type leave the earlier value in force. Otherwise a client that pushes one
setting would silently undo all others, such as `context.exclude`.

A setting can still be removed. An answer replaces the answer before it, so a name that is missing from the
new answer is no longer set. A pushed value stays until the client pushes another one, or until it pushes
again after an answer that held the same name: from then on the answers decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from spark_lsp.config import PATTERN_LISTS, is_table, lay_patterns, used_values

Values = dict[str, Any]


@dataclass(slots=True)
class Statements:
    """The values from each of the three ways; all of them are valid."""

    start: Values = field(default_factory=dict[str, Any])
    answered: Values = field(default_factory=dict[str, Any])
    pushed: Values = field(default_factory=dict[str, Any])

    def begin(self, values: Values) -> None:
        """Store the settings from `initialize`."""
        self.start = used_values(values)

    def answer(self, values: Values) -> None:
        """Store the client's complete section, which replaces its previous answer."""
        self.answered = self._complete_patterns(used_values(values))

    def push(self, values: Values) -> None:
        """Store what the client pushed: all of its settings, or some of them."""
        completed = self._complete_patterns(used_values(values))
        self.pushed = merge_values(remove_known(self.pushed, self.answered), completed)

    def _complete_patterns(self, values: Values) -> Values:
        """Return values in which a malformed list of patterns also has the patterns in force."""
        result, now = values, self.in_force()
        for table, name in (each.split(".") for each in PATTERN_LISTS):
            stated: object = _table(values, table).get(name)
            if stated is not None:
                patterns = lay_patterns(_table(now, table).get(name), stated)
                result = {**result, table: {**result[table], name: patterns}}
        return result

    def in_force(self) -> Values:
        """Return the values in force: pushed over answered, and these over those from `initialize`."""
        return merge_values(merge_values(self.start, self.answered), self.pushed)


def merge_values(below: Mapping[str, Any], above: Mapping[str, Any], prefix: str = "") -> Values:
    """Lay values over others, name by name; null is no value. An engine's table counts as one value."""
    result = dict(below)
    for key, value in above.items():
        name = f"{prefix}{key}"
        if value is None:
            continue
        if is_table(name) and isinstance(value, Mapping):
            result[key] = merge_values(_table(below, key), cast(Mapping[str, Any], value), f"{name}.")
        else:
            result[key] = value
    return result


def _table(values: Mapping[str, Any], name: str) -> Values:
    """Return a table by its name; anything else counts as an empty table."""
    value: object = values.get(name)
    return dict(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else {}


def remove_known(values: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> Values:
    """Return the values whose names are not set in `known`."""
    result: Values = {}
    for key, value in values.items():
        other = known.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping) and is_table(f"{prefix}{key}"):
            below = remove_known(
                cast(Mapping[str, Any], value), cast(Mapping[str, Any], other), f"{prefix}{key}."
            )
            if below:
                result[key] = below
        elif other is None:
            result[key] = value
    return result
