"""Gathers the context beside a document for a request, within the budget of the engine that will answer it.

The context is one text, which the gateway mirrors like a document: a request only names the ranges of its
parts, and a change sends only the difference. It is sent with ghost text alone.
"""

import itertools
from collections.abc import Callable, Iterable

from spark_lsp.config import Settings
from spark_lsp.engine.beside import FAST_TOKENS
from spark_lsp.lsp.beside.candidates import Surroundings, list_candidates
from spark_lsp.lsp.beside.edit_watcher import EditWatcher
from spark_lsp.lsp.beside.neighbours import Neighbours
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.privacy.uris import path_of
from spark_lsp.request import CONTEXT_SCHEME, Part, Span
from spark_lsp.session.diagnostic_notes import DiagnosticNotes
from spark_lsp.session.packing import ContextPart, pack_context
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.lines import common_prefix_length, common_suffix_length


class ContextGatherer:
    """See the module's text. `roots` returns the URIs of the open folders."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        gateway: GatewayClient,
        outgoing: Outgoing,
        neighbours: Neighbours,
        edits: EditWatcher,
        diagnostics: DiagnosticNotes,
        roots: Callable[[], Iterable[str]],
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._outgoing = outgoing
        self._neighbours = neighbours
        self._edits = edits
        self._diagnostics = diagnostics
        self._roots = roots
        self._mirrored: dict[str, Document] = {}  # by the document's URI: its context
        self._versions = itertools.count(1)  # never twice the same: a request under way may name an older one

    def gather(self, document: Document, offset: int) -> tuple[Part, ...]:
        """Return the context for a cursor; `document` has no secrets."""
        tokens = choose_budget(self._settings(), self._gateway)
        if not tokens:
            self.forget(document.uri)
            return ()
        parts = pack_context(list_candidates(self._list_known(document, offset)), tokens)
        return self._mirror(document.uri, parts)

    def _list_known(self, document: Document, offset: int) -> Surroundings:
        """Return everything in memory; for a slow engine, only signatures, preferably those of before."""
        wanted = self._settings().context
        engine = self._gateway.completion_engine
        is_fast = engine is not None and engine.beside_tokens >= FAST_TOKENS
        before = self._mirrored.get(document.uri)
        symbols = self._neighbours.list_symbols(document.uri) if wanted.imports else ()
        notes = self._diagnostics.list_near(document, offset) if wanted.diagnostics and is_fast else []
        return Surroundings(
            document,
            offset,
            symbols,
            self._edits.list_hunks() if wanted.recentEdits and is_fast else [],
            notes,
            [path_of(root).rstrip("/") for root in self._roots()],
            "" if is_fast or before is None else before.text,
        )

    def _mirror(self, uri: str, parts: tuple[ContextPart, ...]) -> tuple[Part, ...]:
        """Bring the mirror of a context up to date; return its parts, each with its range there."""
        text = "".join(part.text for part in parts)
        before = self._mirrored.get(uri)
        if before is None or before.text != text:
            if not text:
                self.forget(uri)
                return ()
            context = Document(CONTEXT_SCHEME + uri, text, next(self._versions))
            self._outgoing.mirror_context(
                context, None if before is None else [_find_edit(before.text, text)]
            )
            self._mirrored[uri] = context
        context = self._mirrored[uri]
        found: list[Part] = []
        at = 0
        for part in parts:
            span = Span(context.uri, context.version, at, at + len(part.text))
            found.append(Part(part.kind, part.text, part.title, span))
            at = span.end
        return tuple(found)

    def forget(self, uri: str) -> None:
        """Remove the context of a document from the mirror."""
        if self._mirrored.pop(uri, None) is not None:
            self._outgoing.close_context(CONTEXT_SCHEME + uri)

    def forget_all(self) -> None:
        """Remove all contexts from the mirror: the settings have changed, and may exclude more."""
        for uri in list(self._mirrored):
            self.forget(uri)


def choose_budget(settings: Settings, gateway: GatewayClient) -> int:
    """Return the tokens of context for a completion: those of the serving engine, within the setting."""
    engine = gateway.completion_engine
    tokens = engine.beside_tokens if engine is not None else 0
    return min(tokens, settings.context.maxTokens) if settings.context.maxTokens else tokens


def _find_edit(old: str, new: str) -> Edit:
    """Return the one edit that leads from a text to another."""
    head = common_prefix_length(old, new)
    tail = common_suffix_length(old[head:], new[head:])
    return Edit(head, len(old) - tail, new[head : len(new) - tail])
