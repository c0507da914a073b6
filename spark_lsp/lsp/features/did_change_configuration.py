"""workspace/didChangeConfiguration: settings may have changed."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import settings

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


async def handle(ls: "SparkServer", params: types.DidChangeConfigurationParams) -> None:
    """Take what was pushed; ask where nothing was."""
    pushed = settings.section(params.settings)
    workspace = ls.client_capabilities.workspace
    if not pushed and workspace is not None and workspace.configuration:
        await settings.pull(ls)
    else:
        settings.take(ls, pushed)
