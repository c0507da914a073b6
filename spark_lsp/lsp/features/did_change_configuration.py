"""workspace/didChangeConfiguration: settings may have changed."""

from lsprotocol import types

from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.settings_store import SettingsStore


def change_settings(
    params: types.DidChangeConfigurationParams, *, settings: SettingsStore, abilities: Abilities
) -> None:
    """Use the pushed values now, so that they apply to the next document; then request the whole section."""
    settings.push(params.settings)
    if abilities.answers_configuration:
        settings.request()
