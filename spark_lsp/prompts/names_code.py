"""Inserted code between the text before and after it, as one syntax tree: the part that all languages share.

Offsets of `InsertedCode` count from the beginning of the inserted text. Code inside an ERROR node is not
examined: its meaning is unknown.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.lines import find_line_start

MAX_OCCURRENCES = 200  # of a name, that are examined; a name that occurs more often exists


@dataclass(frozen=True)
class InsertedCode:
    """The text of a document with `inserted` between `before` and `after`."""

    before: str
    inserted: str
    after: str
    language: str
    tree: SyntaxTree | None = None  # of the complete text, if it is known already

    @cached_property
    def text(self) -> str:
        """The complete text."""
        return self.before + self.inserted + self.after

    @cached_property
    def _tree(self) -> SyntaxTree:
        return self.tree or SyntaxTree(self.language, self.text)

    @property
    def root(self) -> Node | None:
        """The root of the tree; None without a grammar, or if the text is too long."""
        return self._tree.root

    @cached_property
    def range_in_bytes(self) -> tuple[int, int]:
        """Where the inserted text begins and ends, in bytes."""
        start = _count_bytes(self.before)
        return start, start + _count_bytes(self.inserted)

    def is_inserted(self, node: Node) -> bool:
        """Tell whether a node overlaps the inserted text."""
        start, end = self.range_in_bytes
        return node.start_byte < end and node.end_byte > start

    def inserted_nodes(self) -> Iterator[Node]:
        """Give the nodes that overlap the inserted text, outside ERROR nodes, parents first."""
        stack = [] if self.root is None else [self.root]
        while stack:
            node = stack.pop()
            if node.type == "ERROR" or not self.is_inserted(node):
                continue
            yield node
            stack.extend(reversed(node.children))

    def occurrences(self, name: str) -> Iterator[Node]:
        """Give the smallest nodes at the places where a word occurs outside the inserted text."""
        if self.root is None:
            return
        word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
        start, end = len(self.before), len(self.before) + len(self.inserted)
        for count, match in enumerate(word.finditer(self.text)):
            if count >= MAX_OCCURRENCES:
                return
            if match.start() < end and match.end() > start:
                continue
            byte = _count_bytes(self.text[: match.start()])
            node = self.root.descendant_for_byte_range(byte, byte + _count_bytes(name))
            if node is not None:
                yield node

    def offset_of(self, node: Node) -> int:
        """Return where a node begins in the inserted text; 0 if it begins before it."""
        return max(self._tree.offset_of(node.start_byte) - len(self.before), 0)

    def cut_of(self, node: Node, statements: frozenset[str]) -> int:
        """Return the offset at which to cut the inserted text so that the statement of `node` is gone.

        The cut is at the end of the line above. A block whose first statement is cut goes with it. The cut
        is 0 if the statement begins on the line of the cursor.
        """
        statement = _statement_of(node, statements)
        while (head := _head_of(statement)) is not None and self.is_inserted(head):
            statement = head
        return self._line_end_above(self._tree.offset_of(statement.start_byte))

    def _line_end_above(self, offset: int) -> int:
        start = find_line_start(self.text, max(offset, 0))
        above = self.text[:start]
        end = len(above.removesuffix("\n").removesuffix("\r"))
        return max(end - len(self.before), 0)


@dataclass(frozen=True)
class LanguageRules:
    """What `names` needs to know about a language; the functions are documented where they are defined."""

    globals: frozenset[str]
    statements: frozenset[str]
    usual_members: frozenset[str]  # of every object: not worth listing
    is_dynamic: Callable[[str], bool]
    is_name: Callable[[Node], bool]
    is_name_use: Callable[[Node], bool]
    is_binding: Callable[[Node], bool]
    is_assigned: Callable[[Node], bool]
    self_attribute: Callable[[Node], str | None]
    class_around: Callable[[Node], Node | None]
    members_of: Callable[[InsertedCode, Node], frozenset[str] | None]


def text_of(node: Node) -> str:
    """Return the text of a node."""
    return (node.text or b"").decode("utf-8", "surrogatepass")


def ancestors_of(node: Node) -> Iterator[Node]:
    """Give the nodes around a node, innermost first."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def walk(node: Node) -> Iterator[Node]:
    """Give a node and all nodes in it, parents first."""
    stack = [node]
    while stack:
        inner = stack.pop()
        yield inner
        stack.extend(reversed(inner.children))


def is_field(node: Node, name: str) -> bool:
    """Tell whether a node is the field `name` of its parent."""
    return node.parent is not None and node.parent.child_by_field_name(name) == node


def _count_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _statement_of(node: Node, statements: frozenset[str]) -> Node:
    """Return the innermost statement around a node, or the `elif`, `except` or other clause."""
    current = node
    while current.type not in statements and current.parent is not None and current.parent.parent is not None:
        current = current.parent
    return current


def _head_of(statement: Node) -> Node | None:
    """Return the compound statement whose block begins with `statement`, or None."""
    block = statement.parent
    if block is None or block.parent is None or block.parent.parent is None:
        return None
    is_block = block.type in ("block", "statement_block", "class_body")
    if not is_block or not block.named_children or block.named_children[0] != statement:
        return None
    return block.parent
