"""Renames, which need no model: a small model gets two of three wrong.

For "Rename `a` to `b`", the syntax tree gives every use of the name in the target. Strings, comments,
attributes of other objects and names of keyword arguments stay. A rename is refused if it could change the
meaning of the code: the new name is taken or invalid, or the old one is also used outside the target.
"""

import re

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits

_KIND = r"(?:local\s+|the\s+)*(?:variable|function|method|class|argument|parameter|name|identifier)?"
_QUOTE = r"[`'\"]?"
_RENAME = re.compile(
    rf"\s*rename\s+{_KIND}\s*{_QUOTE}([^\W\d]\w*){_QUOTE}\s+(?:in)?to\s+{_QUOTE}([^\W\d]\w*){_QUOTE}\s*\.?\s*",
    re.IGNORECASE,
)


def rename_edits(
    document: Document, tree: SyntaxTree, start: int, end: int, instruction: str
) -> list[Edit] | None:
    """Return the edits of a rename within `[start, end)`, or None if the instruction is not a rename.

    Return None also if the language has no grammar. Raises `EditRefused` if the rename is not safe. `tree` is
    that of `document`.
    """
    match = _RENAME.fullmatch(instruction)
    if match is None:
        return None
    old = match[1]
    new = match[2]
    uses = tree.find_uses(old)
    uses_of_new = tree.find_uses(new)
    if uses is None or uses_of_new is None:
        return None
    return _edits_of(document, tree, (start, end), old, new, uses, uses_of_new)


def rename_local_edits(
    document: Document, tree: SyntaxTree, start: int, end: int, old: str, new: str
) -> list[Edit] | None:
    """Return the edits that rename a local variable of the function at `[start, end)`.

    The same name outside is another variable. Return None if the language has no grammar. Raises
    `EditRefused` if the rename is not safe. `tree` is that of `document`.
    """
    if not new.isidentifier():
        raise _make_refusal(f"{new!r} cannot be a name", "Choose another name")
    uses = tree.find_uses(old)
    uses_of_new = tree.find_uses(new)
    if uses is None or uses_of_new is None:
        return None
    inside = [offset for offset in uses if start <= offset < end]
    return _edits_of(document, tree, (start, end), old, new, inside, uses_of_new)


def _edits_of(
    document: Document,
    tree: SyntaxTree,
    target: tuple[int, int],
    old: str,
    new: str,
    uses: list[int],
    uses_of_new: list[int],
) -> list[Edit]:
    """Return the edits that rename `uses`. Raises `EditRefused` if one of them is outside the target."""
    start, end = target
    inside = [offset for offset in uses if start <= offset < end]
    if not inside:
        raise _make_refusal(f"There is no name {old!r} in these lines", "Select the lines that use it")
    if any(start <= offset < end for offset in uses_of_new):
        raise _make_refusal(f"The name {new!r} is already used in these lines", "Choose another name")
    if len(inside) < len(uses):
        raise _make_refusal(
            f"The name {old!r} is also used outside these lines",
            "Select all its uses, or use your editor's rename",
        )
    edits = [Edit(offset, offset + len(old), new) for offset in inside]
    renamed = SyntaxTree(document.language, apply_edits(document.text, edits))
    if not _is_valid_rename(tree, renamed, new, len(edits)):
        raise _make_refusal(f"{new!r} cannot be a name here", "Choose another name")
    return edits


def _is_valid_rename(old: SyntaxTree, renamed: SyntaxTree, name: str, count: int) -> bool:
    """Tell whether `name` is a name in all its new places (not a keyword), and the code parses as before."""
    uses = renamed.find_uses(name)
    new_errors = renamed.count_errors() or 0
    old_errors = old.count_errors() or 0
    return new_errors <= old_errors and uses is not None and len(uses) >= count


def _make_refusal(what: str, remedy: str) -> EditRefused:
    return EditRefused(what, "Nothing was renamed", remedy, code=Code.RENAME_UNSAFE)
