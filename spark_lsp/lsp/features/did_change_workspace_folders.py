"""workspace/didChangeWorkspaceFolders: other folders are open."""

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.DidChangeWorkspaceFoldersParams) -> None:
    """Judge all documents anew: patterns and a project's file may start from an open folder."""
    gone = {folder.uri for folder in params.event.removed}
    kept = [root for root in ls.roots if root not in gone]
    ls.roots = tuple(dict.fromkeys([*kept, *(folder.uri for folder in params.event.added)]))
    ls.outgoing.look_again()
