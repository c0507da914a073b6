"""The composition of the language server: creates each part once, and gives it the parts that it needs.

Parts are created, and their modules imported, at the first use: an editor waits for the answer to
`initialize` at every start, and that answer needs few of them. Only `routes`, `server`, `main_loop` and
`cli/serve` use this file; a part never refers to it.
"""

import gc
from functools import cached_property
from typing import TYPE_CHECKING

from lsprotocol.types import MessageType

from spark_lsp.codes import Code
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.startup import Startup
from spark_lsp.lsp.workspace import Workspace
from spark_lsp.supervise import call_guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spark_lsp.config import Source
    from spark_lsp.lsp.answer_recorder import AnswerReader
    from spark_lsp.lsp.completions import Completions
    from spark_lsp.lsp.consent import Consent
    from spark_lsp.lsp.context_parts import ContextParts
    from spark_lsp.lsp.cursor_rest import CursorRest
    from spark_lsp.lsp.document_sync import DocumentSync
    from spark_lsp.lsp.edit_history import EditHistory
    from spark_lsp.lsp.edit_jobs import EditJobs
    from spark_lsp.lsp.edit_request import EditRequestReader
    from spark_lsp.lsp.edit_undo import EditUndo
    from spark_lsp.lsp.engine_side import EngineSide
    from spark_lsp.lsp.exclusion import ExclusionPolicy
    from spark_lsp.lsp.explanations import Explanations
    from spark_lsp.lsp.gateway_client import GatewayClient
    from spark_lsp.lsp.gateway_link import GatewayLink
    from spark_lsp.lsp.last_edits import LastEdits
    from spark_lsp.lsp.link_status import LinkReporter
    from spark_lsp.lsp.names import NamesChecker
    from spark_lsp.lsp.outgoing import Outgoing
    from spark_lsp.lsp.progress import ProgressRegistry
    from spark_lsp.lsp.session_recorder import SessionRecorder
    from spark_lsp.lsp.shown import ShownSuggestions
    from spark_lsp.lsp.status_publisher import StatusPublisher
    from spark_lsp.lsp.suggester import Suggester
    from spark_lsp.prompts.actions import CodeAction


class Parts:
    """All parts of one server. `sources` returns the layers of settings below the editor's."""

    def __init__(self, client: LanguageClient, sources: "Callable[[], Sequence[Source]]" = tuple) -> None:
        self.client = client
        self.messages = UserMessages(client)
        self.workspace = Workspace()
        self.settings = SettingsStore(sources, client, self.messages)
        self.settings.on_change.append(self._follow_settings)
        self.startup = Startup(self.settings)

    @cached_property
    def status(self) -> "StatusPublisher":
        """The server's status, as the editor sees it."""
        from spark_lsp.lsp.status_publisher import StatusPublisher

        return StatusPublisher(self.client, self.messages)

    @cached_property
    def progress(self) -> "ProgressRegistry":
        """The progress of jobs, as the editor shows it."""
        from spark_lsp.lsp.progress import ProgressRegistry

        return ProgressRegistry(self.client)

    @cached_property
    def engine_side(self) -> "EngineSide":
        """All background work that needs the gateway."""
        from spark_lsp.lsp.engine_side import EngineSide

        return EngineSide(self.status)

    @cached_property
    def consent(self) -> "Consent":
        """The user's approvals."""
        from spark_lsp.lsp.consent import Consent

        return Consent(self.client, self.messages, self.engine_side)

    @cached_property
    def gateway(self) -> "GatewayClient":
        """The gateway, as the other parts use it."""
        from spark_lsp.lsp.gateway_client import GatewayClient

        gateway = GatewayClient(self.settings, self.consent)
        gateway.find_limits = lambda uri: self.exclusion.find_narrowing(uri).limits
        self.consent.on_approval.append(gateway.configure)
        return gateway

    @cached_property
    def link_reporter(self) -> "LinkReporter":
        """Reports the state of the connection to the gateway."""
        from spark_lsp.lsp.link_status import LinkReporter
        from spark_lsp.lsp.model_offers import ModelOffers

        offers = ModelOffers(self.client, self.messages, self.progress, self.engine_side)
        return LinkReporter(self.gateway, self.settings, self.status, self.messages, offers)

    @cached_property
    def exclusion(self) -> "ExclusionPolicy":
        """Decides which documents may leave the editor."""
        from spark_lsp.lsp.exclusion import ExclusionPolicy

        def warn(topic: str, text: str) -> None:
            self.messages.show_once(MessageType.Warning, topic, text)

        return ExclusionPolicy(lambda: self.settings.current, lambda: self.workspace.roots, warn)

    @cached_property
    def outgoing(self) -> "Outgoing":
        """The documents as the gateway may see them."""
        from spark_lsp.lsp.outgoing import Outgoing

        return Outgoing(self.workspace.documents, self.exclusion, self.settings, self.gateway)

    @cached_property
    def sync(self) -> "DocumentSync":
        """Passes on the changes of documents."""
        from spark_lsp.lsp.document_sync import DocumentSync

        sync = DocumentSync(self.outgoing)
        sync.on_open.append(self.cursor_rest.move)
        sync.on_change.append(self.cursor_rest.follow_edits)
        return sync

    @cached_property
    def cursor_rest(self) -> "CursorRest":
        """Sends the positions at which the cursor rests."""
        from spark_lsp.lsp.cursor_rest import CursorRest

        return CursorRest(self.gateway, self.outgoing, self.settings)

    @cached_property
    def answers(self) -> "AnswerReader":
        """Reads and records the answers of engines."""
        from spark_lsp.lsp.answer_recorder import AnswerReader

        return AnswerReader(self.gateway, self.status, self.session_recorder)

    @cached_property
    def names(self) -> "NamesChecker":
        """Checks whether the names in suggestions exist."""
        from spark_lsp.lsp.members.service import MembersService
        from spark_lsp.lsp.names import NamesChecker

        service = MembersService(self.engine_side.spawn)
        return NamesChecker(service, lambda: self.workspace.roots, self.outgoing.withholds)

    @cached_property
    def shown(self) -> "ShownSuggestions":
        """The suggestions on the screen, and what became of them."""
        from spark_lsp.lsp.shown import ShownSuggestions
        from spark_lsp.lsp.store_queue import StoreQueue
        from spark_lsp.store.history import History
        from spark_lsp.store.refused import Refused

        shown = ShownSuggestions(
            settings=self.settings,
            client=self.client,
            queue=StoreQueue(self.engine_side.spawn, self.messages),
            history=History(),
            refused=Refused(),
            session=self.session_recorder,
        )
        self.sync.on_change.append(shown.follow_change)
        self.sync.on_discard.append(shown.forget_document)
        return shown

    @cached_property
    def session_recorder(self) -> "SessionRecorder":
        """The recording of the user's session."""
        from spark_lsp.lsp.session_recorder import SessionRecorder
        from spark_lsp.lsp.store_queue import StoreQueue
        from spark_lsp.store.recording import Recording

        queue = StoreQueue(self.engine_side.spawn, self.messages)
        recorder = SessionRecorder(self.settings, self.outgoing, queue, Recording())
        self.sync.on_change.append(recorder.follow_change)
        return recorder

    @cached_property
    def context(self) -> "ContextParts":
        """The parts for the context beside a document."""
        from spark_lsp.lsp.context_parts import ContextParts

        return ContextParts(
            settings=self.settings,
            workspace=self.workspace,
            gateway=self.gateway,
            outgoing=self.outgoing,
            sync=self.sync,
            engine_side=self.engine_side,
        )

    @cached_property
    def completions(self) -> "Completions":
        """The suggestions that are being streamed."""
        from spark_lsp.lsp.completions import Completions
        from spark_lsp.lsp.stream_factory import StreamFactory

        completions = Completions(
            factory=StreamFactory(
                self.workspace.documents,
                self.outgoing,
                self.settings,
                self.client,
                self.gateway,
                self.context.beside,
                self.shown,
            ),
            settings=self.settings,
            status=self.status,
            engine_side=self.engine_side,
            answers=self.answers,
            names=self.names,
            shown=self.shown,
        )
        self.sync.on_change.append(completions.drop_contradicted)
        self.sync.on_discard.append(completions.forget_document)
        return completions

    @cached_property
    def suggester(self) -> "Suggester":
        """Answers requests for suggestions."""
        from spark_lsp.lsp.suggester import Suggester

        return Suggester(
            documents=self.workspace.documents,
            outgoing=self.outgoing,
            settings=self.settings,
            status=self.status,
            engine_side=self.engine_side,
            completions=self.completions,
        )

    @cached_property
    def request_reader(self) -> "EditRequestReader":
        """Reads the arguments of commands."""
        from spark_lsp.lsp.edit_request import EditRequestReader

        return EditRequestReader(self.workspace.documents, self.outgoing, self._list_own_actions)

    @cached_property
    def edits(self) -> "EditJobs":
        """The edits under way."""
        from spark_lsp.lsp.edit_jobs import EditJobs
        from spark_lsp.lsp.tests_writer import TestsWriter

        edits = EditJobs(
            documents=self.workspace.documents,
            settings=self.settings,
            client=self.client,
            messages=self.messages,
            progress=self.progress,
            engine_side=self.engine_side,
            answers=self.answers,
            last_edits=self.last_edits,
            tests=TestsWriter(self.workspace.documents, lambda: self.workspace.roots),
        )
        self.sync.on_change.append(edits.record_change)
        self.sync.on_history_lost.append(edits.lose_history)
        return edits

    @cached_property
    def last_edits(self) -> "LastEdits":
        """The last edits of each document."""
        from spark_lsp.lsp.last_edits import LastEdits

        last_edits = LastEdits(self.workspace.documents)
        self.sync.on_change.append(last_edits.record_change)
        return last_edits

    @cached_property
    def edit_undo(self) -> "EditUndo":
        """Undoes edits."""
        from spark_lsp.lsp.edit_undo import EditUndo

        return EditUndo(
            documents=self.workspace.documents,
            client=self.client,
            engine_side=self.engine_side,
            edits=self.edits,
            last_edits=self.last_edits,
        )

    @cached_property
    def edit_history(self) -> "EditHistory":
        """The user's instructions."""
        from spark_lsp.lsp.edit_history import EditHistory
        from spark_lsp.lsp.store_queue import StoreQueue
        from spark_lsp.store.instructions import Instructions

        queue = StoreQueue(self.engine_side.spawn, self.messages)
        return EditHistory(self.settings, queue, Instructions())

    @cached_property
    def explanations(self) -> "Explanations":
        """The explanations under way."""
        from spark_lsp.lsp.explanations import Explanations

        return Explanations(
            outgoing=self.outgoing,
            client=self.client,
            messages=self.messages,
            engine_side=self.engine_side,
            answers=self.answers,
        )

    def _list_own_actions(self) -> "Sequence[CodeAction]":
        from spark_lsp.prompts.actions import own_action

        return [
            own_action(each.title, each.instruction, frozenset(each.languages), each.kind)
            for each in self.settings.current.actions
        ]

    async def run_engine_side(self, link: "GatewayLink") -> None:
        """Run the engine side on a link until cancelled."""
        import anyio.to_thread

        from spark_lsp.privacy import detectors

        await anyio.to_thread.run_sync(detectors.load_rules)  # a fifth of a second of imports
        # Imported before the first request needs them.
        _ = self.completions, self.edits, self.explanations, self.suggester, self.request_reader
        await self.shown.load()

        _ = self.context.siblings
        self.status.publishing = True
        self.gateway.attach(link)
        try:
            await self.engine_side.run(link, self._start_engine_side)
        finally:
            self.gateway.detach()

    def _start_engine_side(self) -> None:
        """Send settings and documents to the gateway. The failure of one document affects no other."""
        call_guarded(self._report_patterns)
        call_guarded(self.gateway.configure)
        call_guarded(self.context.beside.forget_all)
        call_guarded(self.context.siblings.forget_all)
        for document in self.workspace.documents.list_usable():
            call_guarded(self.sync.open, document)
        self.status.update(
            state="starting", reason="the gateway is being started", code=Code.GATEWAY_STARTING
        )
        gc.collect()
        gc.freeze()  # all objects so far are permanent; a full collection would take tens of milliseconds
        gc.enable()

    def _follow_settings(self) -> None:
        self._report_patterns()
        self.gateway.configure()
        self.outgoing.follow_settings()

    def _report_patterns(self) -> None:
        self.settings.report_pattern_problems(self.exclusion.surroundings())
