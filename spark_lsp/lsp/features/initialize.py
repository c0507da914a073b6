"""initialize: the client capabilities decide what the server offers."""

from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder

from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.settings_parsing import client_declares, extract_section
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.startup import Startup
from spark_lsp.lsp.workspace import Workspace


def initialize(
    params: types.InitializeParams,
    *,
    client: LanguageClient,
    workspace: Workspace,
    settings: SettingsStore,
    startup: Startup,
) -> bool:
    """Store the editor's capabilities and settings; return whether to offer the completion menu."""
    encoding = ServerCapabilitiesBuilder.choose_position_encoding(params.capabilities)
    workspace.position_encoding = str(getattr(encoding, "value", encoding))
    editor_name = params.client_info.name if params.client_info else ""
    client.abilities = Abilities(params.capabilities, editor_name)
    folders = [folder.uri for folder in params.workspace_folders or []]
    workspace.roots = tuple(folders or ([params.root_uri] if params.root_uri else []))
    options = params.initialization_options
    client.shows_partial_results = client_declares(options, "growing")
    client.shows_previews = client_declares(options, "previews")
    client.reports_rejections = client_declares(options, "rejects")
    client.shows_explanations = client_declares(options, "explains")
    settings.begin(options)
    startup.begin_soon()
    has_ghost_text = client.abilities.shows_ghost_text
    if has_ghost_text and not extract_section(options):
        return False  # the usual case: it needs no setting, so no file is read yet
    menu = settings.current.completion.menu
    return menu == "always" or (menu == "auto" and not has_ghost_text)
