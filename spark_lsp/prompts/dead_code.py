"""Lines below an answer that can never run, because the answer leaves their block.

`blocks` sees that for an answer whose last line leaves; here, a syntax tree shows an `if` all of whose
branches leave.
"""

from tree_sitter import Node

from spark_lsp.prompts.blocks import makes_lines_unreachable
from spark_lsp.prompts.names_code import InsertedCode

_LEAVES = frozenset(
    {"return_statement", "raise_statement", "throw_statement", "break_statement", "continue_statement"}
)
_HOISTED = frozenset({"comment", "function_declaration", "class_declaration", "empty_statement"})


def makes_code_dead(before: str, answer: str, after: str, language: str) -> bool:
    """Tell whether lines below can never run after an answer; `after` begins right of the cursor."""
    if makes_lines_unreachable(before, answer, after):
        return True
    code = InsertedCode(before, answer, after, language)
    return any(
        node.type == "if_statement" and _leaves(node) and _has_statement_after(node)
        for node in code.inserted_nodes()
    )


def _leaves(node: Node) -> bool:
    """Tell whether no statement after this one can run."""
    if node.type in _LEAVES:
        return True
    if node.type == "if_statement":
        branches = node.children_by_field_name("alternative")
        consequence = node.child_by_field_name("consequence")
        has_else = bool(branches) and branches[-1].type == "else_clause"
        return has_else and consequence is not None and all(map(_leaves, [consequence, *branches]))
    if node.type in ("block", "statement_block", "else_clause", "elif_clause"):
        inner = [child for child in node.named_children if child.type != "comment"]
        return bool(inner) and _leaves(inner[-1])
    return False


def _has_statement_after(node: Node) -> bool:
    following = node.next_named_sibling
    while following is not None and following.type in _HOISTED:
        following = following.next_named_sibling
    return following is not None
