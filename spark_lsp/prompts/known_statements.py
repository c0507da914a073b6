"""Leaves out the statements of an answer that its document has already.

A model that should write a test often repeats the code under test and its imports.
"""

import re

from tree_sitter import Node

from spark_lsp.prompts.names_code import text_of
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.lines import LINE_END

_WRAPPERS = ("decorated_definition", "export_statement")
_IMPORTS = ("import_statement", "import_from_statement", "future_import_statement")


def drop_known(document: Document, tree: SyntaxTree, new: str) -> str:
    """Return an answer without the imports, definitions and other statements that the document has."""
    answer = SyntaxTree(document.language, new)
    if tree.root is None or answer.root is None:
        return new
    names = {_name_of(node) for node in tree.root.named_children} - {""}
    lines = {line.strip() for line in LINE_END.split(document.text)}
    statements = {text_of(node) for node in tree.root.named_children}
    pieces: list[str] = []
    at = 0
    for node in answer.root.named_children:
        if _is_known(node, lines, names, statements):
            start, end = answer.offset_of(node.start_byte), answer.offset_of(node.end_byte)
            pieces.append(new[at:start])
            at = end
    return re.sub(r"\n{4,}", "\n\n\n", "".join((*pieces, new[at:])))


def _is_known(node: Node, lines: set[str], names: set[str], statements: set[str]) -> bool:
    """Tell whether a document with these lines, names and statements has a statement of an answer."""
    if node.type in _IMPORTS:
        return text_of(node) in lines
    return _name_of(node) in names or text_of(node) in statements


def _name_of(node: Node) -> str:
    """Return the name of a definition, or nothing for another statement."""
    definition = node.named_children[-1] if node.type in _WRAPPERS and node.named_children else node
    name = definition.child_by_field_name("name")
    return "" if name is None else text_of(name)
