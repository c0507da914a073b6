"""The heads of blocks that fit at a place in Python code, as far as the lines around it tell.

A branch such as `else:` needs the statement it belongs to above it; and a branch below the block needs a head
that may have it.
"""

from collections.abc import Iterable

from spark_lsp.text.lines import LINE_END, indent_width

_PLAIN = ("if ", "for ", "while ", "with ", "try:", "match ", "async ", "def ", "class ")
# By the first word of the last line above with the same indentation: the branches that may follow its block.
_BRANCHES = {
    "if": ("elif ", "else:"),
    "elif": ("elif ", "else:"),
    "for": ("else:",),
    "while": ("else:",),
    "async": ("else:",),
    "try": ("except", "finally:"),
    "except": ("except", "else:", "finally:"),
    "else": ("finally:",),
    "case": ("case ",),
}
# By the first word below the block: the heads that may have such a branch.
_OWNERS = {
    "elif": ("if ", "elif "),
    "else": ("if ", "elif ", "for ", "while ", "async ", "except"),
    "except": ("try:", "except"),
    "finally": ("try:", "except", "else:"),
    "case": ("case ",),
}
_MAX_LINES = 200


def list_heads(before: str, after: str, indentation: str) -> tuple[str, ...]:
    """Return the beginnings of heads that fit at `indentation` between the lines `before` and `after`.

    `after` begins right of the cursor, and its first complete line is in the block.
    """
    width = len(indentation)
    above = LINE_END.split(before)[-_MAX_LINES:]
    same = _find_word(reversed(above), width)
    heads = (*_PLAIN, *_BRANCHES.get(same, ()))
    if not same and _find_word(reversed(above), width, is_outer=True) == "match":
        heads = ("case ",)
    owners = _OWNERS.get(_find_word(LINE_END.split(after)[1 : 1 + _MAX_LINES], width))
    return heads if owners is None else tuple(each for each in heads if each in owners)


def _find_word(lines: Iterable[str], width: int, *, is_outer: bool = False) -> str:
    """Return the first word of the nearest line that is not deeper than `width`.

    Return nothing if that line is less deep; with `is_outer`, return its word then.
    """
    for line in lines:
        code = line.strip()
        if not code or code.startswith("#") or indent_width(line) > width:
            continue
        if is_outer or indent_width(line) == width:
            return code.split(maxsplit=1)[0].rstrip(":")
        return ""
    return ""
