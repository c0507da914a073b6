"""Recursion that becomes a loop: the values at which the recursion ended still have their results.

A function that returns its parameter `n` itself if it is small, as in `if (n < 2) return n`, has another
result for 0 than for 1. A loop from 2 up to `n` runs for neither. So if the new body reads `n` in the head
of that loop alone, it has one result for both, and it is wrong.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.functions import Function, list_functions
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import text_of, walk

_SMALL = r"(?:if\s*\(?\s*{name}\s*(?:<\s*2|<=\s*1)\s*\)?\s*:?\s*\{{?\s*return\s+{name}\s*(?:;|\n|$))"
_FROM_TWO = re.compile(r"\brange\(\s*2\s*,|=\s*2\s*;")
_LOOPS = frozenset(("for_statement", "for_in_statement"))


def check_base_cases(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a loop from 2 replaces a recursion that returned the values below 2."""
    if change.is_deep:
        return
    new = {each.name: each for each in list_functions(change.new_tree, change.start, change.new_end)}
    for old in list_functions(change.tree, change.start, change.end):
        found = new.get(old.name)
        for name in () if found is None else old.parameters() & found.parameters():
            if _returns_small(old, name) and _reads_only_in_loop_head(found, name):
                raise refuse(
                    f"drops the case of a small {name!r}",
                    Code.PROPOSAL_REMOVES_CODE,
                    f"`{old.name}` returned `{name}` itself if it is less than 2. Keep that before the loop.",
                )


def _returns_small(function: Function, name: str) -> bool:
    pattern = _SMALL.format(name=re.escape(name))
    return re.search(pattern, (function.node.text or b"").decode("utf-8", "replace")) is not None


def _reads_only_in_loop_head(function: Function | None, name: str) -> bool:
    body = None if function is None else function.node.child_by_field_name("body")
    if body is None:
        return False
    heads = [head for head in _loop_heads(body) if _FROM_TWO.search(head)]
    uses = sum(node.type == "identifier" and text_of(node) == name for node in walk(body))
    return len(heads) == 1 and 0 < uses == len(re.findall(rf"\b{re.escape(name)}\b", heads[0]))


def _loop_heads(body: Node) -> Iterator[str]:
    """Give the heads of the loops that count."""
    for node in walk(body):
        inner = node.child_by_field_name("body") if node.type in _LOOPS else None
        if inner is not None:
            source = node.text or b""
            yield source[: inner.start_byte - node.start_byte].decode("utf-8", "replace")
