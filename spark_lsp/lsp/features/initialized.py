"""initialized: the editor is ready; the slow parts may start."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import settings

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


async def handle(ls: "SparkServer", params: types.InitializedParams) -> None:
    """Start the engine's side, then ask for settings."""
    ls.ready()
    await settings.pull(ls)
