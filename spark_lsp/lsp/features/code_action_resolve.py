"""codeAction/resolve: editors ask it even of actions that are complete; they get them back."""

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


async def handle(ls: "SparkServer", params: types.CodeAction) -> types.CodeAction:
    """Return the action as it came."""
    return params
