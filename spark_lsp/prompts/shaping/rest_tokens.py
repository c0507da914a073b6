"""The closers and marks right of a cursor, and the entries of the stack there that they close.

Editors insert closing brackets and quotes: at `print(|)` the bracket right of the cursor is the editor's. An
answer of a model often contains it too.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts.shaping.brackets import Opening
from spark_lsp.prompts.shaping.lexical import NEWLINE, Literal

_BLANK = re.compile(r"\s+")
_MARK = re.compile(r"\"\"\"|'''|\*/|-->|</[\w.:-]*>|/>|[)\]}>'\"`;,:]")
_OPENERS = {")": "(", "]": "[", "}": "{", ">": "<"}
_ARROW_ENDS = ("-", "=")  # before `>`: an arrow, not a closer


@dataclass(frozen=True, slots=True)
class RestToken:
    """A closer or mark right of the cursor, at `[start, end)` of the rest of the line.

    `depth` is the index of the entry that it closes in the stack at the cursor; None for a mark such as `;`.
    """

    text: str
    start: int
    end: int
    depth: int | None


def match_stack(rest: str, stack: list[Opening]) -> list[RestToken] | None:
    """Return the tokens of `rest` if each of its brackets and quotes closes an entry of the stack."""
    tokens: list[RestToken] = []
    depth = len(stack) - 1
    at = 0
    while at < len(rest):
        if blank := _BLANK.match(rest, at):
            at = blank.end()
            continue
        found = _find_entry(rest, at, stack, depth)
        if found is not None:
            closer = stack[found].closer
            tokens.append(RestToken(closer, at, at + len(closer), found))
            depth = found - 1
        elif (mark := _MARK.match(rest, at)) and _is_text(mark[0], stack, depth):
            tokens.append(RestToken(mark[0], at, mark.end(), None))
        else:
            return None
        at = tokens[-1].end
    return tokens


def _is_text(mark: str, stack: list[Opening], depth: int) -> bool:
    """Tell whether a mark closes nothing: other marks do not, nor do brackets in a string or comment."""
    is_in_literal = depth >= 0 and not stack[depth].is_bracket
    return mark[0] not in "'\"`" and (is_in_literal or mark[0] not in ")]}")


def match_inner(rest: str, stack: list[Opening], tokens: list[RestToken]) -> list[RestToken]:
    """Return the tokens right of a cursor in a string or comment: closers before its end are text there."""
    end = rest.find(stack[-1].closer)
    outer = match_stack(rest[end:], stack) if end >= 0 else None
    if outer is None:
        return [RestToken(each.text, each.start, each.end, None) for each in tokens]
    inner = [RestToken(each.text, each.start, each.end, None) for each in tokens if each.end <= end]
    return [*inner, *(RestToken(each.text, end + each.start, end + each.end, each.depth) for each in outer)]


def _find_entry(rest: str, at: int, stack: list[Opening], depth: int) -> int | None:
    """Return the innermost entry that the text at `at` closes; entries inside it must not be closed later."""
    for index in range(depth, -1, -1):
        if rest.startswith(stack[index].closer, at):
            return index
        if stack[index].is_bracket:
            continue
        if stack[index].spans_lines or stack[index].closer == NEWLINE or stack[index].closer in rest[at:]:
            return None  # text inside a string or comment closes nothing outside it
    return None


def read_marks(rest: str) -> tuple[list[Opening], list[RestToken]] | None:
    """Return a stack that agrees with `rest`, and the tokens of `rest`; None if it has other text.

    It replaces a stack that does not agree, because the beginning of the text is unknown or broken.
    """
    found: list[re.Match[str]] = []
    at = 0
    while at < len(rest):
        if blank := _BLANK.match(rest, at):
            at = blank.end()
            continue
        mark = _MARK.match(rest, at)
        if mark is None:
            return None
        found.append(mark)
        at = mark.end()
    structural = [mark for mark in found if mark[0][0] in ")]}'\"`"]
    stack = [_invent_opening(mark[0]) for mark in reversed(structural)]
    tokens: list[RestToken] = []
    depth = len(stack)
    for mark in found:
        is_structural = mark in structural
        depth -= is_structural
        tokens.append(RestToken(mark[0], mark.start(), mark.end(), depth if is_structural else None))
    return stack, tokens


def _invent_opening(closer: str) -> Opening:
    if closer in _OPENERS:
        return Opening(closer)
    return Opening(closer, Literal(re.escape(closer), closer, spans_lines=len(closer) == 3))


def find_mark(text: str, start: int, end: int, mark: str) -> int | None:
    """Return the end of the first `mark` in `text[start:end]` that closes or ends nothing begun there."""
    if mark.startswith("</"):
        return _find_tag(text, end, mark, start)
    opener = _OPENERS.get(mark)
    depth = 0
    at = start
    while (at := _find_either(text, at, end, mark, opener)) >= 0:
        if opener is not None and text[at] == opener:
            depth += 1
        elif mark == ">" and text[at - 1 : at] in _ARROW_ENDS:
            pass
        elif depth:
            depth -= 1
        else:
            return at + len(mark)
        at += 1
    return None


def _find_either(text: str, start: int, end: int, mark: str, opener: str | None) -> int:
    found = [at for at in (text.find(mark, start, end), text.find(opener or mark, start, end)) if at >= 0]
    return min(found, default=-1)


def _find_tag(text: str, end: int, tag: str, start: int) -> int | None:
    """Return the end of the first closing `tag` whose opening tag is not in the text."""
    name = re.escape(tag[2:-1])
    depth = 0
    for match in re.compile(rf"<(/?){name}(?=[\s/>])[^>]*>").finditer(text, start, end):
        if not match[1]:
            depth += not match[0].endswith("/>")
        elif depth:
            depth -= 1
        else:
            return match.end()
    return None
