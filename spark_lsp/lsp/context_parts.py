"""The composition of the parts for the context beside a document: `parts` creates it once."""

from functools import cached_property
from typing import TYPE_CHECKING

from spark_lsp.lsp.document_sync import DocumentSync
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.workspace import Workspace

if TYPE_CHECKING:
    from spark_lsp.lsp.beside.edit_watcher import EditWatcher
    from spark_lsp.lsp.beside.gatherer import ContextGatherer
    from spark_lsp.lsp.beside.neighbours import Neighbours
    from spark_lsp.lsp.beside.siblings import Siblings
    from spark_lsp.session.diagnostic_notes import DiagnosticNotes


class ContextParts:
    """Creates each of these parts at its first use."""

    def __init__(
        self,
        *,
        settings: SettingsStore,
        workspace: Workspace,
        gateway: GatewayClient,
        outgoing: Outgoing,
        sync: DocumentSync,
        engine_side: EngineSide,
    ) -> None:
        self._settings = settings
        self._workspace = workspace
        self._gateway = gateway
        self._outgoing = outgoing
        self._sync = sync
        self._engine_side = engine_side

    @cached_property
    def diagnostic_notes(self) -> "DiagnosticNotes":
        """The diagnostics that the editor has sent."""
        from spark_lsp.session.diagnostic_notes import DiagnosticNotes

        notes = DiagnosticNotes()
        self._sync.on_change.append(lambda document, edits: notes.follow_edits(document.uri, edits))
        self._sync.on_discard.append(notes.forget)
        return notes

    @cached_property
    def edit_watcher(self) -> "EditWatcher":
        """The user's recent edits."""
        from spark_lsp.lsp.beside.edit_watcher import EditWatcher

        watcher = EditWatcher(self._outgoing)
        self._outgoing.on_mirror.append(watcher.begin)
        self._sync.on_change.append(watcher.follow)
        self._sync.on_discard.append(watcher.forget)
        return watcher

    @cached_property
    def neighbours(self) -> "Neighbours":
        """The signatures that documents import."""
        from spark_lsp.lsp.beside.gatherer import choose_budget
        from spark_lsp.lsp.beside.neighbours import Neighbours

        def is_wanted() -> bool:
            settings = self._settings.current
            return settings.context.imports and choose_budget(settings, self._gateway) > 0

        neighbours = Neighbours(
            documents=self._workspace.documents,
            outgoing=self._outgoing,
            roots=lambda: self._workspace.roots,
            engine_side=self._engine_side,
            is_wanted=is_wanted,
        )
        self._sync.on_open.append(neighbours.follow)
        self._sync.on_change.append(neighbours.follow)
        self._sync.on_discard.append(neighbours.forget)
        return neighbours

    @cached_property
    def siblings(self) -> "Siblings":
        """The files beside open documents, for the copy model."""
        from spark_lsp.lsp.beside.siblings import Siblings

        def is_wanted() -> bool:
            settings = self._settings.current
            return settings.completion.instant and settings.engine.url == "auto"

        siblings = Siblings(
            documents=self._workspace.documents,
            outgoing=self._outgoing,
            roots=lambda: self._workspace.roots,
            engine_side=self._engine_side,
            is_wanted=is_wanted,
        )
        self._sync.on_open.append(siblings.follow)
        self._sync.on_discard.append(siblings.forget)
        self._settings.on_change.append(siblings.forget_all)
        return siblings

    @cached_property
    def beside(self) -> "ContextGatherer":
        """The context beside a document."""
        from spark_lsp.lsp.beside.gatherer import ContextGatherer

        beside = ContextGatherer(
            settings=lambda: self._settings.current,
            gateway=self._gateway,
            outgoing=self._outgoing,
            neighbours=self.neighbours,
            edits=self.edit_watcher,
            diagnostics=self.diagnostic_notes,
            roots=lambda: self._workspace.roots,
        )
        self._sync.on_discard.append(beside.forget)
        self._settings.on_change.append(beside.forget_all)
        return beside
