"""Positions as LSP counts them, and offsets as Python counts them.

LSP gives a position as line and *character*, where a character is a code unit of the encoding negotiated
at the start: utf-8 (bytes), utf-16 (the default) or utf-32 (code points). Python indexes code points. For
a line of plain ASCII all of them agree, which is the common case and the fast path.

A position past the end of its line means the line's end, one past the last line the end of the text,
and one inside a surrogate pair or a multi-byte sequence the code point's beginning: no position ever
splits a code point. Lone surrogates, which JSON can carry, count as one utf-16 unit and three bytes.
"""

from enum import StrEnum

from spark_lsp.text.document import Document

BLOCK_CHARS = 1024  # how many code points are measured at once


class Encoding(StrEnum):
    """Position encodings of LSP 3.17, by their names in the protocol."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


def count_units(text: str, encoding: Encoding) -> int:
    """Return the length of `text` in code units of `encoding`."""
    if encoding is Encoding.UTF32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def to_offset(document: Document, line: int, character: int, encoding: Encoding) -> int:
    """Return the offset of a position, clamped as LSP requires (see the module docstring)."""
    if line >= document.line_count:
        return len(document)
    start = document.line_start(line)
    text = document.text[start : document.line_end(line)]
    if encoding is Encoding.UTF32 or text.isascii():
        return start + min(character, len(text))
    return start + _count_code_points(text, character, encoding)


def _count_code_points(text: str, limit: int, encoding: Encoding) -> int:
    """Return the number of whole code points of `text` that fit into `limit` code units.

    Blocks that fit completely are only measured: a line may have a million characters.
    """
    used = 0
    at = 0
    while at < len(text):
        size = count_units(text[at : at + BLOCK_CHARS], encoding)
        if used + size > limit:
            break
        used += size
        at += BLOCK_CHARS
    for count, char in enumerate(text[at : at + BLOCK_CHARS], at):
        used += _unit_width(char, encoding)
        if used > limit:
            return count
    return len(text)


def _unit_width(char: str, encoding: Encoding) -> int:
    """Return how many code units one code point takes in utf-16 or utf-8."""
    if encoding is Encoding.UTF16:
        return 2 if char > "\uffff" else 1
    if char < "\x80":
        return 1
    if char < "\u0800":
        return 2
    return 3 if char <= "\uffff" else 4


def to_position(document: Document, offset: int, encoding: Encoding) -> tuple[int, int]:
    """Return `(line, character)` of an offset; an offset inside a line end counts as the line's end."""
    line = document.line_at(offset)
    start = document.line_start(line)
    return line, count_units(document.text[start : min(offset, document.line_end(line))], encoding)
