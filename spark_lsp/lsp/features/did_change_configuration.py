"""workspace/didChangeConfiguration: settings may have changed."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import settings

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.DidChangeConfigurationParams) -> None:
    """Use what was pushed at once, so that it holds for the next document; then ask for the whole."""
    settings.push(ls, params.settings)
    if settings.can_ask(ls):
        settings.ask(ls)
