"""initialized: the editor is ready; the slow parts may start."""

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import settings

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


PATIENCE = 1.0  # seconds an editor has to answer with its settings


async def handle(ls: "SparkServer", params: types.InitializedParams) -> None:
    """Ask for settings, then start the engine's side: no file may go where they say it must not.

    An editor that never answers does not keep it from starting.
    """
    asking = asyncio.ensure_future(settings.pull(ls))
    await asyncio.wait([asking], timeout=PATIENCE)
    ls.ready()
    await asking
