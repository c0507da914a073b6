"""Counts the places that do not parse in a text with an insertion; only the insertion is parsed again."""

from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node, Parser, Point, Tree

from spark_lsp.prompts.syntax import load_grammar


@dataclass(frozen=True)
class InsertionParser:
    """Parses `before + inserted + after` for many insertions."""

    language: str
    before: str
    after: str

    def count_errors(self, inserted: str, replaced: int) -> int | None:
        """Return how many places do not parse if `inserted` replaces the first characters of `after`.

        `replaced` is the number of these characters. Return None if no grammar is available.
        """
        tree = self._tree
        if tree is None:
            return None
        new = _encode(self.before + inserted + self.after[replaced:])
        edited = tree.copy()
        start = len(_encode(self.before))
        old_end = start + len(_encode(self.after[:replaced]))
        new_end = start + len(_encode(inserted))
        edited.edit(
            start_byte=start,
            old_end_byte=old_end,
            new_end_byte=new_end,
            start_point=_find_point(self._encoded, start),
            old_end_point=_find_point(self._encoded, old_end),
            new_end_point=_find_point(new, new_end),
        )
        errors = _count_errors(self._parser.parse(new, edited).root_node)
        if errors and not tree.root_node.has_error:
            # A parser that reuses a tree may recover from an error differently. This decides here.
            return _count_errors(self._parser.parse(new).root_node)
        return errors

    @cached_property
    def _parser(self) -> Parser:
        return Parser(load_grammar(self.language))

    @cached_property
    def _encoded(self) -> bytes:
        return _encode(self.before + self.after)

    @cached_property
    def _tree(self) -> Tree | None:
        return None if load_grammar(self.language) is None else self._parser.parse(self._encoded)


def _count_errors(root: Node) -> int:
    count = 0
    stack = [root] if root.has_error else []
    while stack:
        node = stack.pop()
        count += node.type == "ERROR" or node.is_missing
        stack += [child for child in node.children if child.has_error]
    return count


def _encode(text: str) -> bytes:
    """Return a text as the grammars read it: they know line feeds only."""
    return text.replace("\r\n", " \n").replace("\r", "\n").encode("utf-8", "surrogatepass")


def _find_point(text: bytes, at: int) -> Point:
    row = text.count(b"\n", 0, at)
    return Point(row, at - (text.rfind(b"\n", 0, at) + 1))
