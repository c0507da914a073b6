"""How a second answer must begin, as far as the lines below the cursor tell.

A second answer that repeats the first one is of no use. In one of five wrong answers of the 0.5B model to the
infilling tasks, the lines below say how the right one begins: it opens the block that they are in, or it
binds a name that they use. An answer with a name that does not exist can be right up to that name, and go on
with the most similar name that does exist.
"""

import re
from collections.abc import Iterable, Sequence

from spark_lsp.prompts.answer_faults import find_unbound_below
from spark_lsp.prompts.block_heads import list_heads
from spark_lsp.prompts.blocks import (
    INDENTED_LANGUAGES,
    closes_bracket_above,
    find_line_below,
    find_outer_indentation,
    has_line_below_too_deep,
)
from spark_lsp.prompts.names import UnresolvedName, find_closest
from spark_lsp.text.lines import LINE_END, find_line_end, find_line_start, indentation_of

# A statement that leaves its block; a keyword or a type with the word after it; a call with the beginning of
# its first argument; an element; the first letters of a name, since a model that must only write another one
# invents it (`ans1`, `my_val2`); or another character.
_BEGINNING = re.compile(
    r"(?:return|raise|break|continue|throw|else)\b|[\w.]+[ \t]+[\w.]+|[\w.]+\([\"']?[\w.]*|[\w.]+\["
    r"|(?:\w+\.)*\w{1,2}|\S"
)


def find_starts(before: str, answer: str, after: str, language: str) -> tuple[str, ...]:
    """Return texts, one of which a better answer than `answer` begins with; empty if that is unknown."""
    line = before[find_line_start(before, len(before)) :] if before else ""
    below = find_line_below(after)
    if language not in INDENTED_LANGUAGES or line.strip() or not below:
        return ()
    if after[: find_line_end(after, 0)].strip():
        return ()
    names = find_unbound_below(before, answer, after, language)
    name = next((each.name for each in names if each.kind == "name"), "")
    bindings = (f"{name} = ", f"{name}, ", f"{name}: ") if name else ()
    if not has_line_below_too_deep(before, answer, after) and not has_line_below_too_deep(before, "", after):
        return _indent_all(bindings, line, indentation_of(below))
    if before.rstrip().endswith(":"):
        return _indent_all(("",), line, indentation_of(below))
    outer = find_outer_indentation(before, below)
    if outer is None:
        return ()
    if not name:
        return _indent_all(list_heads(before, after, outer), line, outer)
    opened = (f"for {name} in ", f"for {name}, ", "with ")
    return _indent_all((*bindings, *opened) if closes_bracket_above(after) else opened, line, outer)


def find_existing_start(answer: str, wrong: Sequence[UnresolvedName]) -> tuple[str, ...]:
    """Return the answer up to its first name that does not exist, with the closest existing one in its place.

    Return nothing if no name is similar, or if the wrong one begins left of the cursor.
    """
    first = min(wrong, key=lambda each: each.offset, default=None)
    if first is None or not answer.startswith(first.name, first.offset):
        return ()
    name = find_closest(first)
    return (LINE_END.sub("\n", answer[: first.offset]) + name,) if name else ()


def find_beginning(answer: str) -> str:
    """Return the beginning of an answer that another one must not have, so that it is another statement."""
    match = _BEGINNING.match(answer.lstrip())
    return match[0] if match else ""


def _indent_all(starts: Iterable[str], line: str, indentation: str | None) -> tuple[str, ...]:
    """Put the white space before the starts that the line of the cursor lacks."""
    if indentation is None or not indentation.startswith(line):
        return ()
    return tuple(indentation[len(line) :] + each for each in starts)
