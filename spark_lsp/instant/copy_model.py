"""A model that copies: it proposes the text that followed earlier occurrences of the text before the cursor.

`update` and `remove` keep the documents; `advance` indexes large ones in small steps. `predict` compares the
last tokens before the cursor with all documents. It answers only if enough tokens match and enough of the
occurrences continue in the same way. The oldest documents are dropped when all together are too large.

The thresholds were chosen by measurement on five packages; docs/explanation/copy-model.md has the table.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from spark_lsp.instant.indexed_document import LEAD_CHARS, IndexedDocument
from spark_lsp.instant.normal_form import (
    BARRIER,
    MAX_LINE_CHARS,
    TOKEN,
    list_words,
    make_signature,
    normalize_line,
)
from spark_lsp.text.lines import common_suffix_length, indentation_of

MAX_DOCUMENT_CHARS = 1_000_000  # a larger document is not indexed
MAX_OCCURRENCES = 64  # that a prediction compares
_LAST_WORD = re.compile(r"\w+\Z")  # at the cursor; it may continue
_PREFIX_CHARS = 4_000  # of which the last `LEAD_CHARS` in normal form are compared


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for all documents together, the thresholds of a prediction, and its size in lines.

    `min_tokens` must match before the cursor, with at least `min_words` different words. `min_agreement` is
    the share of the occurrences that continue with the proposed line. Further lines follow only while all
    these occurrences agree, and there are at least `min_block_count` of them.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_chars: int = 8_000_000  # in normal form; about 2 million tokens
    min_tokens: int = 16
    min_words: int = 3
    min_agreement: float = 0.8
    min_block_count: int = 2
    max_lines: int = 8


@dataclass(frozen=True, slots=True)
class Prediction:
    """Text for the cursor. `match_tokens` of the best occurrence agree with the text before the cursor.

    `count` occurrences were compared; `agreement` is the share of them that continue with the first line.
    """

    text: str
    match_tokens: int
    agreement: float
    count: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """The text around the cursor; `own` names its document.

    If the index has another text of that document, the document is left out.
    """

    prefix: str
    suffix: str
    own: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A position at which the text before the cursor occurs: line `line` of block `block`."""

    document: IndexedDocument
    block: int
    line: int
    match_tokens: int
    rest: str  # of the line


class CopyModel:
    """See the module's text."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._documents: OrderedDict[str, IndexedDocument] = OrderedDict()  # the newest last

    @property
    def chars(self) -> int:
        """Characters of all documents in normal form; a token has about four."""
        return sum(document.chars for document in self._documents.values())

    @property
    def size(self) -> int:
        """Memory of the index in bytes, without the texts, which it shares with the caller."""
        return sum(document.size for document in self._documents.values())

    @property
    def names(self) -> list[str]:
        """The names of the documents, the oldest first."""
        return list(self._documents)

    # Documents.

    def update(self, name: str, text: str) -> None:
        """Take a new or changed document; a new one is indexed by `advance`."""
        if len(text) > MAX_DOCUMENT_CHARS:
            self.remove(name)
            return
        document = self._documents.get(name)
        if document is None:
            self._documents[name] = IndexedDocument(text)
        else:
            document.replace_text(text)
            self._documents.move_to_end(name)

    def remove(self, name: str) -> None:
        """Forget a document at once."""
        self._documents.pop(name, None)

    def advance(self, max_chars: int) -> bool:
        """Index about `max_chars` characters, newest documents first; return whether more are left."""
        for document in reversed(list(self._documents.values())):
            if max_chars <= 0:
                break
            max_chars -= document.advance(max_chars)
        self._evict()
        return any(not document.is_complete for document in self._documents.values())

    def _evict(self) -> None:
        """Drop the oldest documents while all together exceed the limits."""
        while self._documents and (self.chars > self._limits.max_chars or self.size > self._limits.max_bytes):
            self._documents.popitem(last=False)

    # Predictions.

    def predict(self, cursor: Cursor) -> Prediction | None:
        """Return the text that probably follows at the cursor; None without a confident answer."""
        found = self.find_occurrences(cursor)
        if not found:
            return None
        counts = Counter(each.rest for each in found)
        best = max(found, key=lambda each: (counts[each.rest], each.match_tokens))
        agreement = counts[best.rest] / len(found)
        if agreement < self._limits.min_agreement:
            return None
        agreeing = [each for each in found if each.rest == best.rest]
        text = _write(best, agreeing, cursor, self._limits)
        return Prediction(text, best.match_tokens, agreement, len(found)) if text else None

    def find_occurrences(self, cursor: Cursor) -> list[Occurrence]:
        """Return up to `MAX_OCCURRENCES` positions after the same text, newest documents first."""
        limits = self._limits
        context = _normalize_prefix(cursor.prefix)
        starts = [token.start() for token in TOKEN.finditer(context)]
        if len(starts) < limits.min_tokens:
            return []
        needle = context[starts[-limits.min_tokens] :]
        if len(set(list_words(needle))) < limits.min_words:
            return []
        return list(islice(self._find(cursor, context, starts, needle), MAX_OCCURRENCES))

    def _find(self, cursor: Cursor, context: str, starts: list[int], needle: str) -> Iterator[Occurrence]:
        """Yield the occurrences of the needle, but not the cursor's own position."""
        signature = make_signature(_LAST_WORD.sub("", needle))
        own_line = cursor.prefix.count("\n")
        for name, document in reversed(self._documents.items()):
            if name == cursor.own and document.text != cursor.prefix + cursor.suffix:
                continue
            for occurrence in _find_in_document(document, context, starts, needle, signature):
                is_own = name == cursor.own
                if is_own and document.line_number(occurrence.block, occurrence.line) == own_line:
                    continue
                yield occurrence


def _normalize_prefix(prefix: str) -> str:
    """Return the end of the text before the cursor in normal form; empty in a line that is too long."""
    tail = prefix[-_PREFIX_CHARS:]
    lines = tail.split("\n")
    if len(tail) < len(prefix) and len(lines) > 1:
        del lines[0]
    if len(lines[-1]) > MAX_LINE_CHARS:
        return ""
    whole = [normalize_line(line) for line in lines[:-1]]
    text = "\n".join([*whole, lines[-1].lstrip()])
    return text[text.rfind(BARRIER) + 1 :][-LEAD_CHARS:]


def _find_in_document(
    document: IndexedDocument, context: str, starts: list[int], needle: str, signature: int
) -> Iterator[Occurrence]:
    for index, block in enumerate(document.blocks):
        if block.signature & signature != signature:
            continue
        text = block.text
        at = text.find(needle)
        while at >= 0:
            end = at + len(needle)
            inside_word = at > 0 and text[at - 1].isalnum() and needle[0].isalnum()
            if block.lead <= end < len(text) and not inside_word:
                line_end = text.find("\n", end)
                rest = text[end : line_end if line_end >= 0 else len(text)]
                shared = common_suffix_length(context, text[max(end - LEAD_CHARS, 0) : end])
                tokens = sum(start >= len(context) - shared for start in starts)
                line = text.count("\n", block.lead, end)
                yield Occurrence(document, index, line, tokens, rest)
            at = text.find(needle, at + 1)


def _write(best: Occurrence, agreeing: list[Occurrence], cursor: Cursor, limits: Limits) -> str:
    """Return the text of an occurrence as it fits at the cursor; empty if it does not."""
    rest = best.rest
    before = cursor.prefix[cursor.prefix.rfind("\n") + 1 :]
    after, _, below = cursor.suffix.partition("\n")
    if not rest.strip() or BARRIER in rest:
        return ""
    if after.strip():
        closing = after.rstrip()
        return rest[: -len(closing)] if rest.endswith(closing) else ""
    following = next((line.strip() for line in below.split("\n", 20) if line.strip()), "")
    if following == (before.strip() + rest).strip() or following == before.lstrip() + rest:
        return ""
    indent = indentation_of(before)
    lead = ""
    if not before.strip():
        expected = _expected_indent(best, cursor.prefix)
        if expected is None or not expected.startswith(before):
            return ""
        lead, indent = expected[len(before) :], expected
    return lead + rest + _write_block(best, agreeing, indent, following, limits)


def _expected_indent(best: Occurrence, prefix: str) -> str | None:
    """Return the indentation of a copied line below the last line above the cursor; None if unknown."""
    own_lines = prefix[: prefix.rfind("\n") + 1].rstrip()
    own = indentation_of(own_lines[own_lines.rfind("\n") + 1 :])
    source = best.document.indent_of(best.block, best.line)
    above = best.document.indent_above(best.block, best.line)
    if source.startswith(above):
        return own + source[len(above) :]
    if above.startswith(source) and len(above) - len(source) <= len(own):
        return own[: len(own) - (len(above) - len(source))]
    return None


def _write_block(
    best: Occurrence, agreeing: list[Occurrence], indent: str, following: str, limits: Limits
) -> str:
    """Return the lines below the first one on which all occurrences agree, up to the end of the block."""
    if len(agreeing) < limits.min_block_count:
        return ""
    sources = [each.document.lines_after(each.block, each.line) for each in agreeing]
    base = best.document.indent_of(best.block, best.line)
    lines: list[str] = []
    blanks = 0
    for versions in islice(zip(*sources, strict=False), limits.max_lines - 1):
        source_indent, text = versions[agreeing.index(best)]
        if any(other != text for _, other in versions) or text in (BARRIER, following):
            break
        if not text:
            blanks += 1
            continue
        if not source_indent.startswith(base):
            break
        lines += [""] * blanks
        blanks = 0
        lines.append(indent + source_indent[len(base) :] + text)
    return "".join("\n" + line for line in lines)
