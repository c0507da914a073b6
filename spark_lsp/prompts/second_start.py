"""How a second answer must begin, as far as the lines below the cursor tell.

A second answer that repeats the first one is of no use. In one of five wrong answers of the 0.5B model to the
infilling tasks, the lines below say how the right one begins: it opens the block that they are in, or it
binds a name that they use. An answer with a name that does not exist can be right up to that name, and go on
with the most similar name that does exist.
"""

from collections.abc import Iterable, Sequence

from spark_lsp.prompts.answer_faults import find_unbound_below
from spark_lsp.prompts.blocks import (
    INDENTED_LANGUAGES,
    find_line_below,
    find_outer_indentation,
    has_line_below_too_deep,
)
from spark_lsp.prompts.names import UnresolvedName, find_closest
from spark_lsp.text.lines import LINE_END, find_line_end, find_line_start, indentation_of

_HEADS = (
    *("if ", "elif ", "else:", "for ", "while ", "with ", "try:", "except", "finally:", "match ", "case "),
    *("async ", "def ", "class "),
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
    heads = (*bindings, f"for {name} in ", f"for {name}, ") if name else _HEADS
    return _indent_all(heads, line, find_outer_indentation(before, below))


def find_existing_start(answer: str, wrong: Sequence[UnresolvedName]) -> tuple[str, ...]:
    """Return the answer up to its first name that does not exist, with the closest existing one in its place.

    Return nothing if no name is similar, or if the wrong one begins left of the cursor.
    """
    first = min(wrong, key=lambda each: each.offset, default=None)
    if first is None or not answer.startswith(first.name, first.offset):
        return ()
    name = find_closest(first)
    return (LINE_END.sub("\n", answer[: first.offset]) + name,) if name else ()


def _indent_all(starts: Iterable[str], line: str, indentation: str | None) -> tuple[str, ...]:
    """Put the white space before the starts that the line of the cursor lacks."""
    if indentation is None or not indentation.startswith(line):
        return ()
    return tuple(indentation[len(line) :] + each for each in starts)
