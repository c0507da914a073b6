"""workspace/didChangeWorkspaceFolders: the set of open folders has changed."""

from lsprotocol import types

from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.workspace import Workspace


def change_folders(
    params: types.DidChangeWorkspaceFoldersParams, *, workspace: Workspace, outgoing: Outgoing
) -> None:
    """Decide about all documents again: patterns and project files may be relative to an open folder."""
    removed = {folder.uri for folder in params.event.removed}
    kept = [root for root in workspace.roots if root not in removed]
    workspace.roots = tuple(dict.fromkeys([*kept, *(folder.uri for folder in params.event.added)]))
    outgoing.decide_all()
