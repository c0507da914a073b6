"""The editor's settings: where they come from and what is done with them.

They come in `initializationOptions`, in the answer to `workspace/configuration`, and in
`workspace/didChangeConfiguration`; in each as `{"spark": {…}}` or as the bare section. `statements` says
which of them count.
"""

import asyncio
import logging
import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.config import MAPPINGS, TABLES
from spark_lsp.errors import origin

if TYPE_CHECKING:
    from spark_lsp.config import Settings
    from spark_lsp.lsp.server import SparkServer

log = logging.getLogger(__name__)

SECTION = "spark"
CLIENT = "client"  # what a client says of itself; not a setting
PATIENCE = 1.0  # seconds an editor has to answer with its settings


def section(value: object) -> dict[str, Any]:
    """Return the settings in a value that an editor sent, dotted names as tables."""
    if not isinstance(value, Mapping):
        return {}
    values = _nested(cast(Mapping[str, Any], value))
    inner = values.get(SECTION, values)
    if not isinstance(inner, Mapping):
        return {}
    settings = _nested(cast(Mapping[str, Any], inner))
    return {key: each for key, each in settings.items() if key != CLIENT}


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values whose names were written with dots, as `context.exclude`, as tables in tables."""
    result: dict[str, Any] = {name: each for name, each in values.items() if "." not in name}
    for name, each in values.items():
        head, dot, rest = name.partition(".")
        if dot:
            table = result.get(head)
            given = dict(cast(Mapping[str, Any], table)) if isinstance(table, Mapping) else dict[str, Any]()
            result[head] = _nested({**given, rest: each})
    return result


def is_foreign(value: object) -> bool:
    """Tell whether a pushed value is about other programs only, as of clients that push all they have."""
    if not isinstance(value, Mapping):
        return False
    names = {name.partition(".")[0] for name in cast(Mapping[str, Any], value)}
    return names.isdisjoint({SECTION, *TABLES, *MAPPINGS})


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
    from spark_lsp.config import OpenAISettings

    tables = (table for name, table in settings.engines.items() if name not in waiting)
    names = {table.key_env for table in tables if isinstance(table, OpenAISettings)}
    return {name: os.environ[name] for name in sorted(names) if os.environ.get(name)}


def take(ls: "SparkServer", values: Mapping[str, Any]) -> None:
    """Use these settings from now on, and name each value that cannot be used, once."""
    ls.given = dict(values)
    ls.settings, problems = ls.resolved(values)
    for problem in problems:
        ls.say_once(types.MessageType.Warning, "setting", f"Setting spark.{problem}.")
    name_patterns(ls)
    ls.configure_engine()
    ls.outgoing.again()


def name_patterns(ls: "SparkServer") -> None:
    """Name each pattern of file names that can match nothing, once."""
    from spark_lsp.privacy.patterns import find_setting_problems

    for problem in find_setting_problems(ls.settings, ls.outgoing.fence.surroundings()):
        ls.say_once(types.MessageType.Warning, "setting", f"Setting spark.{problem}.")


def begin(ls: "SparkServer", options: object) -> None:
    """Use the settings that came with `initialize`, if any did."""
    values = section(options)
    if values:
        _name_problems(ls, values)
        ls.statements.begin(values)
        take(ls, ls.statements.in_force())


def push(ls: "SparkServer", value: object) -> None:
    """Use what the editor pushed; what it says nothing about stays in force."""
    values = {} if is_foreign(value) else section(value)
    _name_problems(ls, values)
    ls.statements.push(values)
    take(ls, ls.statements.in_force())


def _name_problems(ls: "SparkServer", values: Mapping[str, Any]) -> None:
    """Name the values that cannot be used, and what is used instead."""
    for problem in ls.resolved(ls.statements.in_force(), values)[1]:
        ls.say_once(types.MessageType.Warning, "setting", f"Setting spark.{problem}.")


def can_ask(ls: "SparkServer") -> bool:
    """Tell whether the editor answers `workspace/configuration`."""
    workspace = ls.client_capabilities.workspace
    return workspace is not None and bool(workspace.configuration)


async def pull(ls: "SparkServer") -> None:
    """Ask the editor for its settings, if it can be asked, and use them.

    An answer that holds no section, or none at all, changes nothing.
    """
    if not can_ask(ls):
        return
    found = await _answer(ls)
    if isinstance(found, Mapping):
        values = section(cast(object, found))
        _name_problems(ls, values)
        ls.statements.answer(values)
        take(ls, ls.statements.in_force())


async def _answer(ls: "SparkServer") -> object:
    """Return the section that the editor answers with; None if it gives none."""
    items = [types.ConfigurationItem(section=SECTION)]
    try:
        answer: Any = await ls.workspace_configuration_async(types.ConfigurationParams(items))
    except JsonRpcException as error:
        log.warning("the editor does not tell its settings: %s", origin(error))
        return None
    if isinstance(answer, list | tuple):
        return next(iter(cast(list[object], answer)), None)
    return cast(object, answer)


def ask(ls: "SparkServer") -> "asyncio.Future[None]":
    """Begin to ask the editor for its settings; `ls.asking` is set until it has answered."""
    ls.asking = asking = asyncio.ensure_future(pull(ls))
    asking.add_done_callback(lambda done: _answered(ls, done))
    return asking


def _answered(ls: "SparkServer", done: "asyncio.Future[None]") -> None:
    if ls.asking is done:
        ls.asking = None
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("the editor's settings could not be used: %s", origin(error))


async def settled(ls: "SparkServer") -> None:
    """Wait until the editor has said what its settings are, but not for ever."""
    if ls.asking is not None:
        await asyncio.wait([ls.asking], timeout=PATIENCE)
