"""Finds the comments and the documentation in code, by the lexical rules of the language."""

import re

from spark_lsp.prompts.shaping.brackets import Nesting, read_tokens
from spark_lsp.prompts.shaping.lexical import Family, find_family
from spark_lsp.text.document import Document

_WORD = re.compile(r"[^\W\d_]{2}")
_DOCUMENTATION = re.compile(r"[ \t]*(?:@(?:module)?doc[ \t]+)?[rRuU]?(?:\"\"\"|''')")
_BLOCK_LINE = re.compile(r"[ \t]*(?:\*|/\*)")


def has_comment_rules(language: str) -> bool:
    """Tell whether the comments of a language can be found; prose has no comments."""
    return any(each.is_comment for each in find_family(language).literals)


def find_comment_lines(
    document: Document, start: int, end: int, *, above: bool = False
) -> tuple[int, int] | None:
    """Return the lines from the first comment in `[start, end)` to the last one, or None without a comment.

    Comments without a word, such as rulers, do not count. With `above`, return the range together with the
    comments directly above it. `start` must be the beginning of a line of code.
    """
    if above:
        return _with_comments_above(document, start), end
    spans = [
        span for span in _find_comments(document, start, end) if _WORD.search(document.text[slice(*span)])
    ]
    if not spans:
        return None
    first = document.line_start(document.line_at(spans[0][0]))
    return max(first, start), min(document.line_end(document.line_at(spans[-1][1])), end)


def _with_comments_above(document: Document, start: int) -> int:
    family = find_family(document.language)
    line = document.line_at(start)
    while line > 0 and _is_comment(document.line(line - 1), family):
        line -= 1
    return document.line_start(line)


def _is_comment(line: str, family: Family) -> bool:
    """Tell whether a line has nothing but a comment, or a part of one in a block."""
    text = line.strip()
    openers = [each.opener for each in family.literals if each.is_comment]
    if any(re.match(opener, text) for opener in openers):
        return True
    return r"/\*" in openers and _BLOCK_LINE.match(line) is not None


def _find_comments(document: Document, start: int, end: int) -> list[tuple[int, int]]:
    """Return the comments and docstrings in a range, in order."""
    nesting = Nesting(find_family(document.language))
    found: list[tuple[int, int]] = []
    begun: int | None = None
    for token in read_tokens(nesting, document.text, start, end):
        if token.kind == "open" and begun is None:
            literal = nesting.stack[-1].literal
            line_start = document.line_start(document.line_at(token.start))
            line = document.text[line_start : token.end]
            if literal.is_comment or (not nesting.stack[-1].is_bracket and _DOCUMENTATION.fullmatch(line)):
                begun = token.start
        elif begun is not None and nesting.is_code:
            found.append((begun, token.start))
            begun = None
    return found if begun is None else [*found, (begun, end)]
