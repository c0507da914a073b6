"""The results of functions: a change keeps their kind, such as a list, and the one for nothing found."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.functions import NESTED, Function, list_functions
from spark_lsp.prompts.checks.leaving import always_leaves
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import text_of, walk

_CHANGES_RESULT = re.compile(
    r"\b(?:return\w*|result|yield\w*|generator|iterator|type|give|produce|instead|convert|turn|lazy|lazily)\b",
    re.IGNORECASE,
)
_KINDS = {
    "list": "list",
    "list_comprehension": "list",
    "array": "list",
    "dictionary": "dict",
    "dictionary_comprehension": "dict",
    "set": "set",
    "set_comprehension": "set",
    "generator_expression": "generator",
}
_BUILDERS = {"list": "list", "sorted": "list", "dict": "dict", "set": "set", "frozenset": "set"}
_OBJECTS = {"Array": "list", "Set": "Set", "Map": "Map", "WeakMap": "WeakMap"}
_ASSIGNMENTS = frozenset(("assignment", "variable_declarator", "assignment_expression"))
_NOTHING = frozenset(("none", "null", "undefined"))
_FINDERS = re.compile(
    r"(?:get|find|match|search|fullmatch|pop|shift|at|first|last|next|exec|lookup)", re.IGNORECASE
)

_NAMES_NOTHING = re.compile(
    r"\b(?:None|null|undefined|nothing|raise|throw|error|fail|empty|default|always|return\w*|result)\b",
    re.IGNORECASE,
)


def check_results(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a function's result is of another kind, or can no longer be nothing."""
    if change.is_deep or change.action not in ("instruct", "simplify", "optimise"):
        return
    may_change = _CHANGES_RESULT.search(change.request_words) is not None
    may_be_something = _NAMES_NOTHING.search(change.request_words) is not None
    new = {each.name: each for each in list_functions(change.new_tree, change.start, change.new_end)}
    for old in list_functions(change.tree, change.start, change.end):
        found = new.get(old.name)
        if found is None:
            continue
        before, after = _find_kind(old), _find_kind(found)
        if not may_change and before and after and before != after:
            raise refuse(
                f"changes the result of {old.name!r} from {before!r} to {after!r}",
                Code.PROPOSAL_CHANGES_INTERFACE,
                f"`{old.name}` must still return a {before}, but your code returns a {after}.",
            )
        if not may_be_something and _may_be_nothing(old) and _is_always_something(found):
            raise refuse(
                f"takes the empty result from {old.name!r}",
                Code.PROPOSAL_CHANGES_INTERFACE,
                f"`{old.name}` must still return nothing where it did so before. Keep that case.",
            )


def _returned(function: Function) -> Iterator[Node]:
    """Give the values that a function returns; functions inside it do not count."""
    stack = list(function.node.children)
    while stack:
        node = stack.pop()
        if node.type == "return_statement":
            yield from node.named_children[:1]
        elif node.type not in NESTED:
            stack.extend(node.children)


def _find_kind(function: Function) -> str:
    """Return the kind of all results, or nothing if it is unknown or not the same."""
    kinds = {_kind_of(value, function) for value in _returned(function) if value.type not in _NOTHING}
    return kinds.pop() if len(kinds) == 1 else ""


def _kind_of(value: Node, function: Function) -> str:
    if value.type in _KINDS:
        return _KINDS[value.type]
    if value.type == "identifier":
        return _kind_of_variable(text_of(value), function)
    called = value.child_by_field_name("function")
    if value.type == "call" and called is not None:
        return _BUILDERS.get(text_of(called), "")
    made = value.child_by_field_name("constructor")
    return _OBJECTS.get(text_of(made), "") if value.type == "new_expression" and made is not None else ""


def _kind_of_variable(name: str, function: Function) -> str:
    kinds: set[str] = set()
    for node in walk(function.node):
        if node.type not in _ASSIGNMENTS:
            continue
        left = node.child_by_field_name("left") or node.child_by_field_name("name")
        right = node.child_by_field_name("right") or node.child_by_field_name("value")
        if left is None or right is None or text_of(left) != name:
            continue
        kinds.add("" if right.type == "identifier" else _kind_of(right, function))
    return kinds.pop() if len(kinds) == 1 else ""


def _may_be_nothing(function: Function) -> bool:
    values = [value.type in _NOTHING for value in _returned(function)]
    return any(values) and not all(values)


def _is_always_something(function: Function) -> bool:
    """Tell whether a function surely returns a value; a call of the file's own code may return nothing."""
    body = function.node.child_by_field_name("body")
    if body is None or not always_leaves(body):
        return False
    for node in walk(body):
        if node.type in _NOTHING or node.type in ("optional_chain", "boolean_operator", "subscript"):
            return False
        called = node.child_by_field_name("function") if node.type in ("call", "call_expression") else None
        if called is not None and _may_find_nothing(text_of(called)):
            return False
    return any(True for _ in _returned(function))


def _may_find_nothing(called: str) -> bool:
    owner, dot, name = called.rpartition(".")
    return not dot or owner in ("self", "this", "cls") or _FINDERS.match(name) is not None
