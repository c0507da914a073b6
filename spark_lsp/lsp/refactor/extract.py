"""Extracts the selected expression into a variable above its statement."""

import ast
import copy
import keyword
from itertools import count

from spark_lsp.lsp.refactor import effects
from spark_lsp.lsp.refactor.inline import Edit
from spark_lsp.lsp.refactor.source import (
    COMPREHENSIONS,
    Refused,
    Source,
    bound_by,
    find_expression,
    identifiers,
    parse,
    same_code,
)

DEFAULT_NAME = "extracted"


def choose_name(source: Source, wanted: str) -> str:
    """Return the wanted name, or a free default one. Raises `Refused` if the wanted name cannot be used."""
    taken = identifiers(source.tree)
    if not wanted:
        free = (DEFAULT_NAME if number == 1 else f"{DEFAULT_NAME}_{number}" for number in count(1))
        return next(name for name in free if name not in taken)
    if not wanted.isidentifier() or keyword.iskeyword(wanted):
        raise Refused(f"{wanted!r} cannot be a name")
    if wanted in taken:
        raise Refused(f"The name {wanted!r} is already used in this file")
    return wanted


def extract_variable(text: str, start: int, end: int, name: str = "") -> list[Edit]:
    """Return the edits that assign the selected expression to a variable. Raises `Refused` if unsafe."""
    source = Source(text)
    node = find_expression(source, start, end)
    statement = source.statement_of(node)
    chosen = choose_name(source, name)
    _require_same_time(source, node, statement)
    at, _ = source.span(statement)
    first, last = source.span(node)
    value = source.text[first:last]
    if "\n" in value or "\r" in value:
        value = f"({value})"
    line = f"{source.indent_at(at)}{chosen} = {value}{source.line_end}"
    edits = [(source.line_start(at), source.line_start(at), line), (first, last, chosen)]
    _verify(source, node, statement, chosen, edits)
    return edits


def _require_same_time(source: Source, node: ast.expr, statement: ast.stmt) -> None:
    """Raise `Refused` unless the expression has the same value above its statement."""
    at, _ = source.span(statement)
    effects.require_movable(node)
    if isinstance(statement, ast.Expr) and statement.value is node:
        raise Refused("The selection is a complete statement")
    if not source.starts_line(statement) or source.text.startswith("elif", at):
        raise Refused("There is no place for a statement above this line")
    if not effects.runs_once(source, node, statement):
        raise Refused("The expression is not evaluated exactly once, or not first")
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    for each in source.ancestors(node):
        if each is statement:
            break
        is_inner = isinstance(each, (ast.Lambda, *COMPREHENSIONS))
        if is_inner and names & {name for child in ast.walk(each) for name in bound_by(child)}:
            raise Refused("The expression uses a name that exists only within it")
    first, _ = source.span(node)
    if not effects.is_fixed(node) and effects.calls_before(source, statement, first):
        raise Refused("A call in the same statement is made before the expression is evaluated")


def _verify(source: Source, node: ast.expr, statement: ast.stmt, name: str, edits: list[Edit]) -> None:
    """Raise `Refused` unless the edited text is the tree with the assignment above the statement."""
    text = source.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    tree, value, old = copy.deepcopy((source.tree, node, statement))
    _Extractor(value, old, name).visit(tree)
    if not same_code(tree, parse(text)):
        raise Refused("The expression cannot be replaced by a name")


class _Extractor(ast.NodeTransformer):
    def __init__(self, value: ast.expr, statement: ast.stmt, name: str) -> None:
        self._value = value
        self._statement = statement
        self._name = name

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST]:
        """Replace the expression by the name, and put the assignment above its statement."""
        if node is self._value:
            return ast.Name(self._name, ast.Load())
        if node is self._statement:
            value = copy.deepcopy(self._value)
            target = ast.Name(self._name, ast.Store())
            return [ast.Assign([target], value), self.generic_visit(node)]
        return self.generic_visit(node)
