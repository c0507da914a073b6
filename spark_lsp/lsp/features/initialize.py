"""initialize: what the editor can do decides what is offered."""

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder

from spark_lsp.lsp import settings
from spark_lsp.lsp.features import initialized

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


DEAF = {"helix"}  # editors that put our status and a failed command into their log, and nowhere else


def handle(ls: "SparkServer", params: types.InitializeParams) -> None:
    """Agree on how positions are counted; offer the completion menu to editors without ghost text."""
    encoding = ServerCapabilitiesBuilder.choose_position_encoding(params.capabilities)
    ls.encoding = str(getattr(encoding, "value", encoding))
    ls.editor_name = params.client_info.name if params.client_info else ""
    ls.deaf = ls.editor_name in DEAF
    folders = [folder.uri for folder in params.workspace_folders or []]
    ls.roots = tuple(folders or ([params.root_uri] if params.root_uri else []))
    ls.take_initialization_options(params.initialization_options)
    initialized.begin_without(ls)
    text_document = params.capabilities.text_document
    has_ghost_text = text_document is not None and text_document.inline_completion is not None
    if has_ghost_text and not settings.section(params.initialization_options):
        return  # the usual case, in which no setting need be read yet
    menu = ls.settings.completion.menu
    if menu == "always" or (menu == "auto" and not has_ghost_text):
        ls.offer_menu()
