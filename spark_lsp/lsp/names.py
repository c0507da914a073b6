"""Checks whether the names in a suggestion exist: `prompts/names` for its file, `lsp/members` for objects."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from spark_lsp.lsp.members.query import make_query
from spark_lsp.lsp.members.service import SOFT_LIMIT_SECONDS, MembersService
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.uris import scheme_of
from spark_lsp.prompts.names import (
    LANGUAGES,
    AttributeUse,
    UnresolvedName,
    find_attributes,
    find_unresolved,
    order_known,
)
from spark_lsp.text.document import Document

THREAD_CHARS = 30_000  # of a document, above which a thread examines it
_CELL = "vscode-notebook-cell"  # the names of a cell may come from other cells

Findings = tuple[tuple[UnresolvedName, ...], tuple[AttributeUse, ...]]


@dataclass(frozen=True, slots=True)
class NamesVerdict:
    """The result of a check. "unknown": a part of the check had no answer, and the rest found nothing."""

    state: Literal["fine", "unresolved", "unknown"]
    unresolved: tuple[UnresolvedName, ...] = ()


class NamesChecker:
    """Checks suggestions.

    `roots` returns the URIs of the open folders; `withholds` tells whether a document is excluded.
    """

    def __init__(
        self,
        members: MembersService,
        roots: Callable[[], Iterable[str]],
        withholds: Callable[[str], bool],
    ) -> None:
        self._members = members
        self._roots = roots
        self._withholds = withholds

    async def check(
        self,
        document: Document,
        offset: int,
        inserted: str,
        *,
        end: int | None = None,
        timeout: float = SOFT_LIMIT_SECONDS,
    ) -> NamesVerdict:
        """Return which names of `inserted`, which replaces `document.text[offset:end]`, do not exist.

        `timeout` limits the part that jedi answers, in seconds.
        """
        if document.language not in LANGUAGES or scheme_of(document.uri) == _CELL:
            return NamesVerdict("unknown")
        before, after = document.text[:offset], document.text[offset if end is None else end :]
        arguments = (before, inserted, after, document.language)
        if len(document.text) > THREAD_CHARS:
            names, attributes = await run_in_thread(_examine, *arguments)
        else:
            names, attributes = _examine(*arguments)
        wrong, is_sure = await self._judge(document, before, inserted + after, attributes, timeout)
        found = tuple(sorted((*names, *wrong), key=lambda each: each.offset))
        if found:
            return NamesVerdict("unresolved", found)
        return NamesVerdict("fine" if is_sure else "unknown")

    async def _judge(
        self, document: Document, before: str, rest: str, uses: Sequence[AttributeUse], timeout: float
    ) -> tuple[list[UnresolvedName], bool]:
        """Return the attributes that do not exist, and whether jedi knew all objects."""
        if not uses:
            return [], True
        if self._withholds(document.uri):
            return [], False
        offsets = [len(before) + use.offset for use in uses]
        query = make_query(document.uri, before + rest, offsets, self._roots())
        answer = None if query is None else await self._members.ask(query, timeout)
        if answer is None or len(answer) != len(uses):
            return [], False
        wrong = [
            UnresolvedName(use.name, use.offset, "attribute", use.cut, order_known(use.name, members), use.of)
            for use, members in zip(uses, answer, strict=True)
            if members is not None and use.name not in members
        ]
        return wrong, None not in answer


def _examine(before: str, inserted: str, after: str, language: str) -> Findings:
    found = find_unresolved(before, inserted, after, language)
    return found, find_attributes(before, inserted, after, language)
