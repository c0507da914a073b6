"""The editor's settings: where they come from and what is done with them.

They come in `initializationOptions`, in the answer to `workspace/configuration`, and in
`workspace/didChangeConfiguration`; in each as `{"spark": {…}}` or as the bare section. A `null` means the
defaults. The latest whole section counts, laid over what came at start.
"""

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types

if TYPE_CHECKING:
    from spark_lsp.config import Settings
    from spark_lsp.lsp.server import SparkServer

SECTION = "spark"
CLIENT = "client"  # what a client says of itself; not a setting


def section(value: object) -> dict[str, Any]:
    """Return the settings in a value that an editor sent."""
    if not isinstance(value, Mapping):
        return {}
    values = cast(Mapping[str, Any], value)
    inner = values.get(SECTION, values)
    if not isinstance(inner, Mapping):
        return {}
    return {key: each for key, each in cast(Mapping[str, Any], inner).items() if key != CLIENT}


def client_shows_growth(options: object) -> bool:
    """Tell whether a client says of itself that it shows text while it grows."""
    if not isinstance(options, Mapping):
        return False
    values = cast(Mapping[str, Any], options)
    client = Given(Given(values).table(SECTION) or values).table(CLIENT)
    return client.get("growing") is True


class Given:
    """What an editor gave, as far as the gateway must know it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def table(self, name: str) -> dict[str, Any]:
        """Return a table by name; whatever is not one counts as empty."""
        value = self._values.get(name)
        return dict(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else {}

    def routes(self) -> dict[str, list[str]]:
        """Return the routes from both places they may be given in."""
        both = {**self.table("routes"), **Given(self.table("engine")).table("routes")}
        lists = {route: cast(list[Any], names) for route, names in both.items() if isinstance(names, list)}
        return {route: [str(name) for name in names] for route, names in lists.items()}


def keys(settings: "Settings", waiting: Collection[str]) -> dict[str, str]:
    """Return the environment variables that engines take their keys from, with their values here.

    Engines that are `waiting` for an approval get nothing: anything could be named there.
    """
    from spark_lsp.config import OpenAIEngine

    tables = (table for name, table in settings.engines.items() if name not in waiting)
    names = {table.key_env for table in tables if isinstance(table, OpenAIEngine)}
    return {name: os.environ[name] for name in sorted(names) if os.environ.get(name)}


def take(ls: "SparkServer", values: Mapping[str, Any]) -> None:
    """Use these settings from now on; name each value that cannot be used, once."""
    before = {document.uri for document in ls.documents.all() if ls.outgoing.kept(document.uri)}
    ls.given = dict(values)
    settings, problems = ls.resolved(values)
    ls.settings = settings
    for problem in problems:
        ls.say(types.MessageType.Warning, f"Setting spark.{problem}.")
    ls.configure_engine()
    ls.outgoing.again(before.__contains__)


async def pull(ls: "SparkServer") -> None:
    """Ask the editor for its settings, if it can be asked."""
    workspace = ls.client_capabilities.workspace
    if workspace is None or not workspace.configuration:
        return
    items = [types.ConfigurationItem(section=SECTION)]
    answer = await ls.workspace_configuration_async(types.ConfigurationParams(items))
    found = section(answer[0]) if answer else {}
    take(ls, {**ls.at_start, **found})
