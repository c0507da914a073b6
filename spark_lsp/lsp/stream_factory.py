"""Makes the request of a stream, the shaping of its answer, and its notifications."""

from dataclasses import replace
from functools import partial

from spark_lsp.lsp.beside.gatherer import ContextGatherer
from spark_lsp.lsp.completion_stream import CompletionStream
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.partial_results import PartialResults
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.shown import ShownSuggestions
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.request import Part, Request
from spark_lsp.session import context
from spark_lsp.session.documents import Documents
from spark_lsp.session.life_cycle import LifeCycle
from spark_lsp.session.speculation import Policy, choose_trigger
from spark_lsp.session.stream_source import StreamSource
from spark_lsp.session.suggestion_stream import StreamState, SuggestionStream
from spark_lsp.supervise import call_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.lines import common_prefix_length, common_suffix_length


class StreamFactory:
    """See the module's text."""

    def __init__(
        self,
        documents: Documents,
        outgoing: Outgoing,
        settings: SettingsStore,
        client: LanguageClient,
        gateway: GatewayClient,
        beside: ContextGatherer,
        shown: ShownSuggestions,
    ) -> None:
        self._documents = documents
        self._outgoing = outgoing
        self._settings = settings
        self._client = client
        self._gateway = gateway
        self._beside = beside
        self._shown = shown

    @property
    def policy(self) -> Policy:
        """When to request the next suggestion ahead, and whose answers may be used again."""
        settings, engine = self._settings.current.completion, self._gateway.completion_engine
        is_free = engine is not None and engine.is_free
        source = None if engine is None else (settings, engine.name, engine.model)
        return Policy(choose_trigger(settings.speculate, is_free=is_free), source)

    def may_start(self, stream: SuggestionStream) -> bool:
        """Return whether the text of a stream's request may be sent, and may still be the user's."""
        now = self._documents.get(stream.uri)
        is_starting = stream.state is StreamState.STARTING
        if now is None or not is_starting or self._outgoing.withholds(stream.uri):
            return False
        if stream.is_ahead:
            return not self._outgoing.is_scanning(stream.uri)
        return stream.suggestion.agrees_with(now)

    def make(self, life: LifeCycle, stream: SuggestionStream) -> tuple[CompletionStream, StreamSource]:
        """Return what the server holds for a stream, and the source of its text."""
        document, offset = stream.suggestion.document, stream.suggestion.anchor
        settings = self._settings.current.completion
        make_ghost = partial(GhostText, document.text, offset, document.language, max_lines=settings.maxLines)
        ghost = make_ghost()
        enabled = self._client.shows_partial_results and settings.stream
        partial_results = PartialResults(self._client, self._documents.encoding, enabled=enabled)
        seen, request = self._make_ahead(stream) if stream.is_ahead else self._make_request(document, offset)
        request = replace(request, scored=self._shown.wants_confidence)
        running = CompletionStream(life, stream, request, partial_results, ghost)
        gate = self._shown.make_gate(document, offset)
        return running, StreamSource(ghost, seen, enabled, make_ghost, gate)

    def _make_request(self, document: Document, offset: int) -> tuple[RedactedDocument, Request]:
        seen = self._outgoing.redact(document)
        return seen, context.build_completion(
            seen.document,
            offset,
            max_lines=self._settings.current.completion.maxLines,
            beside=self._gather(seen.document, offset),
        )

    def _gather(self, document: Document, offset: int) -> tuple[Part, ...]:
        """Return the context beside a document; none if that fails."""
        return call_guarded(self._beside.gather, document, offset) or ()

    def _make_ahead(self, stream: SuggestionStream) -> tuple[RedactedDocument, Request]:
        """Return the text that the user may accept, as the engine may see it, and its request.

        The request names the engine: no other one, which may cost money, answers instead.
        """
        accepted = stream.suggestion.document
        current = self._documents.get(stream.uri) or accepted
        mirrored = self._outgoing.redact(current)
        seen, _ = mirrored.follow_edits(accepted, _find_edits(current.text, accepted.text))
        engine, offset = self._gateway.completion_engine, stream.suggestion.anchor
        request = context.build_ahead(
            mirrored.document,
            seen.document,
            offset,
            max_lines=self._settings.current.completion.maxLines,
            model=engine.name if engine is not None else "",
            beside=self._gather(seen.document, offset),
        )
        return seen, request


def _find_edits(old: str, new: str) -> list[Edit]:
    """Return the edit that leads from one text to another; none if they are equal."""
    if old == new:
        return []
    start = common_prefix_length(old, new)
    kept = common_suffix_length(old[start:], new[start:])
    return [Edit(start, len(old) - kept, new[start : len(new) - kept])]
