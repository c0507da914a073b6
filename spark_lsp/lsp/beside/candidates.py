"""The pieces of context for a cursor, from texts that are in memory. No I/O: a keystroke waits for this."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.privacy.uris import path_of
from spark_lsp.prompts.imported_symbols import ImportedSymbol
from spark_lsp.prompts.module_paths import shorten_path
from spark_lsp.prompts.used_names import names_near
from spark_lsp.request import PartKind
from spark_lsp.session.packing import CHARS_PER_TOKEN, Candidate
from spark_lsp.session.recent_edits import Hunk, render_hunk
from spark_lsp.text.document import Document

FAR_TOKENS = 1_024  # for signatures of names that are not used near the cursor
NEAR_LINES = 3  # around the cursor, whose edits are in the document's own text
_DIAGNOSTIC, _NEAR, _EDIT, _KEPT, _FAR = range(5)  # the order of their use


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that is known beside a document at a cursor, without secrets.

    `hunks` are the newest first; `diagnostics` are distances in lines and texts; `roots` are the paths of the
    open folders. `before` is the context of the last request, if a change of it is expensive.
    """

    document: Document
    offset: int
    symbols: Sequence[ImportedSymbol] = ()
    hunks: Sequence[Hunk] = ()
    diagnostics: Sequence[tuple[int, str]] = ()
    roots: Sequence[str] = ()
    before: str = ""


def list_candidates(known: Surroundings) -> list[Candidate]:
    """Return all pieces that may be of use, with their ranks and places."""
    return [*_list_signatures(known), *_list_edits(known), *_list_diagnostics(known)]


def _list_signatures(known: Surroundings) -> Iterator[Candidate]:
    near = names_near(known.document, known.offset) if known.symbols else frozenset[str]()
    edited = {path_of(hunk.uri): number for number, hunk in reversed(list(enumerate(known.hunks)))}
    order: dict[str, int] = {}
    far_room = FAR_TOKENS * CHARS_PER_TOKEN
    for number, symbol in enumerate(known.symbols):
        first = order.setdefault(symbol.path, number)
        use = _NEAR if symbol.local in near else _FAR
        if use == _FAR and f"{symbol.text}\n" in known.before:
            use = _KEPT
        if use == _FAR:
            far_room -= len(symbol.text)
            if symbol.is_wide or far_room < 0:
                continue
        yield Candidate(
            PartKind.FILE,
            shorten_path(symbol.path, known.roots),
            symbol.text,
            (use, not symbol.is_open, edited.get(symbol.path, len(edited)), number),
            (first, symbol.place),
        )


def _list_edits(known: Surroundings) -> Iterator[Candidate]:
    document = known.document
    line = document.line_at(known.offset)
    first = document.line_start(max(line - NEAR_LINES, 0))
    last = document.line_start(line + NEAR_LINES + 1)
    for number, hunk in enumerate(known.hunks):
        if hunk.uri == document.uri and hunk.start <= last and hunk.end >= first:
            continue
        title = shorten_path(path_of(hunk.uri), known.roots)
        yield Candidate(PartKind.RECENT_EDIT, title, _render(hunk, title), (_EDIT, number), (-number,))


@lru_cache(maxsize=64)
def _render(hunk: Hunk, title: str) -> str:
    """Return a hunk as a diff. Its texts have no secrets; one that a border of a line had hidden goes too."""
    return redact_secrets(render_hunk(hunk, title))


def _list_diagnostics(known: Surroundings) -> Iterator[Candidate]:
    title = shorten_path(path_of(known.document.uri), known.roots)
    for number, (distance, text) in enumerate(known.diagnostics):
        yield Candidate(PartKind.DIAGNOSTIC, title, text, (_DIAGNOSTIC, distance, number), (number,))
