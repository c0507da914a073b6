"""initialized: the editor is ready; the slow parts may start."""

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import settings

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


SILENCE = 3.0  # seconds after `initialize` from which an editor counts as one that never sends `initialized`


async def handle(ls: "SparkServer", params: types.InitializedParams) -> None:
    """Ask for settings, then start the engine's side: no file may go where they say it must not.

    An editor that never answers, or answers with an error, does not keep it from starting.
    """
    await begin(ls)


def begin_without(ls: "SparkServer") -> None:
    """Begin after a while even if `initialized` never comes: no request could be answered without."""

    def late() -> None:
        if not ls.begun:
            tasks.add(task := asyncio.ensure_future(begin(ls)))
            task.add_done_callback(tasks.discard)

    tasks = set[asyncio.Future[None]]()
    asyncio.get_running_loop().call_later(SILENCE, late)


async def begin(ls: "SparkServer") -> None:
    """Take the settings and let the engine's side start, once."""
    if ls.begun:
        return
    ls.begun = True
    settings.ask(ls)
    await settings.settled(ls)
    settings.name_patterns(ls)
    ls.ready()
