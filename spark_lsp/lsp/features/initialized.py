"""initialized: the editor is ready; the slow parts may start."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import settings

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


async def handle(ls: "SparkServer", params: types.InitializedParams) -> None:
    """Ask for settings, then start the engine's side: no file may go where they say it must not.

    An editor that never answers does not keep it from starting.
    """
    settings.ask(ls)
    await settings.settled(ls)
    settings.name_patterns(ls)
    ls.ready()
