"""Statements after which a block cannot go on: `return`, `raise`, `break`, and those that end in one."""

from tree_sitter import Node

from spark_lsp.prompts.names_code import walk

_LEAVES = frozenset(("return_statement", "raise_statement", "throw_statement", "break_statement"))
_BLOCKS = frozenset(("block", "statement_block", "else_clause", "finally_clause", "with_statement"))
_HANDLERS = frozenset(("except_clause", "except_group_clause", "catch_clause"))


def always_leaves(node: Node) -> bool:
    """Tell whether a statement ends its block on every path. A loop inside it may not run, so it does not."""
    if node.type in _LEAVES:
        return True
    if node.type in _BLOCKS or node.type in _HANDLERS or node.type == "elif_clause":
        return any(always_leaves(child) for child in node.named_children)
    if node.type == "if_statement":
        return _all_branches_leave(node)
    if node.type == "try_statement":
        return _all_handlers_leave(node)
    return False


def _all_branches_leave(node: Node) -> bool:
    branches = [node.child_by_field_name("consequence"), *node.children_by_field_name("alternative")]
    has_else = any(each is not None and each.type == "else_clause" for each in branches[1:])
    return has_else and all(each is not None and always_leaves(each) for each in branches)


def _all_handlers_leave(node: Node) -> bool:
    parts = node.named_children
    if any(each.type == "finally_clause" and always_leaves(each) for each in parts):
        return True
    handlers = [each for each in parts if each.type in _HANDLERS]
    bodies = [each for each in parts if each.type in ("block", "statement_block", "else_clause")]
    return any(map(always_leaves, bodies)) and all(map(always_leaves, handlers))


def has_continue(node: Node) -> bool:
    """Tell whether a `continue` is inside a node."""
    return any(each.type == "continue_statement" for each in walk(node))
