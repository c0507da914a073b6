"""Renames, which need no model and which small models get wrong two times in three.

"Rename `a` to `b`" is done by the syntax tree: every use of the name in the target, and nothing in
strings, comments, attributes of other objects or names of keyword arguments. It is refused where it could
change what the code means: the new name is taken or none, or the old one is used outside the target too.
"""

import re

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import syntax
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply

_KIND = r"(?:local\s+|the\s+)*(?:variable|function|method|class|argument|parameter|name|identifier)?"
_QUOTE = r"[`'\"]?"
_RENAME = re.compile(
    rf"\s*rename\s+{_KIND}\s*{_QUOTE}([^\W\d]\w*){_QUOTE}\s+(?:in)?to\s+{_QUOTE}([^\W\d]\w*){_QUOTE}\s*\.?\s*",
    re.IGNORECASE,
)


def edits(document: Document, start: int, end: int, instruction: str) -> list[Edit] | None:
    """Return the edits of a rename within `[start, end)`, or None if the instruction asks for none.

    None also where the language has no grammar here. Raises `EditRefused` where a rename is not safe.
    """
    match = _RENAME.fullmatch(instruction)
    if match is None:
        return None
    old, new = match[1], match[2]
    uses = syntax.uses(document.language, document.text, old)
    taken = syntax.uses(document.language, document.text, new)
    if uses is None or taken is None:
        return None
    inside = [place for place in uses if start <= place < end]
    if not inside:
        raise _refused(f"There is no name {old!r} in these lines", "Select the lines that use it")
    if any(start <= place < end for place in taken):
        raise _refused(f"The name {new!r} is already used in these lines", "Choose another name")
    if len(inside) < len(uses):
        raise _refused(
            f"The name {old!r} is used outside these lines too",
            "Select all its uses, or use your editor's rename",
        )
    made = [Edit(place, place + len(old), new) for place in inside]
    if not _fits(document.language, document.text, apply(document.text, made), new, len(made)):
        raise _refused(f"{new!r} cannot be a name here", "Choose another name")
    return made


def _fits(language: str, old: str, new: str, name: str, count: int) -> bool:
    """Tell whether `name` is a name in all its new places (no keyword), and parses where the old one did."""
    before, after = syntax.errors(language, old), syntax.errors(language, new)
    uses = syntax.uses(language, new, name)
    return (after or 0) <= (before or 0) and uses is not None and len(uses) >= count


def _refused(what: str, remedy: str) -> EditRefused:
    return EditRefused(what, "Nothing was renamed", remedy, code=Code.RENAME_UNSAFE)
