"""The variables that go into and come out of a part of a function."""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spark_lsp.lsp.refactor.effects import loops_around
from spark_lsp.lsp.refactor.source import (
    COMPREHENSIONS,
    FUNCTIONS,
    LOOPS,
    SCOPES,
    Refused,
    Source,
    bound_by,
    loaded_names,
    parameters_of,
    stored_names,
)

_LEAVING = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Global)
_UNMOVABLE = (*_LEAVING, ast.Nonlocal, ast.Delete, ast.Import, ast.ImportFrom, *FUNCTIONS, ast.ClassDef)
_FRAME_READERS = {"super", "locals", "vars", "dir", "eval", "exec"}


@dataclass(frozen=True)
class Flow:
    """The names that a part reads from around it, and those it assigns for later code, in order."""

    inputs: list[str]
    outputs: list[str]


def require_extractable(source: Source, nodes: Iterable[ast.AST]) -> None:
    """Raise `Refused` for code that has another meaning in another function."""
    for node in (each for part in nodes for each in ast.walk(part)):
        if isinstance(node, _UNMOVABLE) or (isinstance(node, ast.comprehension) and node.is_async):
            raise Refused(f"A function cannot be extracted from code with {_word_of(node)}")
        if isinstance(node, (ast.Lambda, ast.GeneratorExp)) and not isinstance(
            source.parents[node], ast.Call
        ):
            raise Refused("A lambda or generator in the selection is kept for later")
        if isinstance(node, ast.Name) and node.id in _FRAME_READERS:
            raise Refused(f"{node.id}() has another meaning in another function")
        if isinstance(node, ast.NamedExpr):
            raise Refused("The selection has an assignment expression")


def _word_of(node: ast.AST) -> str:
    return {
        "FunctionDef": "def",
        "AsyncFunctionDef": "def",
        "ClassDef": "class",
        "comprehension": "async",
    }.get(type(node).__name__, type(node).__name__.lower())


def require_whole_loops(source: Source, statements: Sequence[ast.stmt]) -> None:
    """Raise `Refused` for a `break` or `continue` whose loop is outside."""
    for node in (each for part in statements for each in ast.walk(part)):
        if isinstance(node, (ast.Break, ast.Continue)):
            loop = next(each for each in source.ancestors(node) if isinstance(each, LOOPS))
            if not any(loop in ast.walk(part) for part in statements):
                raise Refused(f"A {type(node).__name__.lower()} leaves the selection")


def flow_of_expression(source: Source, node: ast.expr) -> Flow:
    """Return the flow of an expression: local names, and those of comprehensions and lambdas around it."""
    known: set[str] = set()
    for each in source.ancestors(node):
        if isinstance(each, FUNCTIONS):
            known |= {*stored_names(each.body), *parameters_of(each)}
        elif isinstance(each, ast.ClassDef):
            _require_no_class_names(source, each, node)
        elif isinstance(each, ast.Lambda):
            known |= set(parameters_of(each))
        elif isinstance(each, COMPREHENSIONS):
            known |= {name for part in each.generators for name in _targets(part)}
    return Flow([name for name in _unique(loaded_names([node])) if name in known], [])


def _require_no_class_names(source: Source, scope: ast.ClassDef, node: ast.AST) -> None:
    if next((each for each in source.ancestors(node) if isinstance(each, SCOPES)), None) is scope:
        raise Refused("The selection is directly in a class")


def _targets(part: ast.comprehension) -> list[str]:
    return [name for each in ast.walk(part.target) for name in bound_by(each)]


def flow_of_statements(
    source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, statements: Sequence[ast.stmt]
) -> Flow:
    """Return the flow of consecutive statements of a function. Raises `Refused` if it is not certain."""
    inside = {node for part in statements for node in ast.walk(part)}
    stored = stored_names(statements)
    _require_plain_variables(function, inside, stored)
    end = source.span(statements[-1])[1]
    repeated = {node for loop in loops_around(source, statements[0], function) for node in ast.walk(loop)}
    elsewhere = _bound_outside(function, inside)
    outer = _bound_by_outer_functions(source, function) - elsewhere - stored
    inputs = [
        name
        for name in _unique(loaded_names(statements))
        if name in outer or (name in elsewhere and _reads_first(statements, name))
    ]
    for name in inputs:
        if name not in outer and not _has_value(source, function, statements[0], name):
            raise Refused(f"{name!r} may have no value before the selection")
    read = _read_outside(source, function, inside, end, repeated)
    carried = {name for name in inputs if repeated and name in stored}
    outputs = [name for name in _stored_in_order(statements) if name in read | carried]
    for name in outputs:
        if not _assigns(statements, name) and name not in inputs:
            if not _has_value(source, function, statements[0], name):
                raise Refused(f"{name!r} is not always assigned in the selection")
            inputs.append(name)
    _require_lasting(source, function, statements[0], {*inputs, *outputs})
    return Flow(inputs, outputs)


def _require_lasting(source: Source, function: ast.AST, statement: ast.stmt, names: set[str]) -> None:
    """Raise `Refused` if the function deletes one of these names, as the end of an `except` does."""
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name, ctx=ast.Del()) if name in names:
                raise Refused(f"The function deletes {name!r}")
            case ast.ExceptHandler(name=str(name)) if name in names and node not in source.ancestors(
                statement
            ):
                raise Refused(f"{name!r} loses its value after an exception")
            case _:
                pass


def _require_plain_variables(function: ast.AST, inside: set[ast.AST], stored: set[str]) -> None:
    """Raise `Refused` if other functions share the variables, or a handler reads them after an exception."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)) and stored & set(node.names):
            raise Refused("The selection assigns a global or nonlocal name")
        is_inner = isinstance(node, SCOPES) and node is not function and node not in inside
        if is_inner and stored & set(loaded_names([*ast.iter_child_nodes(node)])):
            raise Refused("A nested function reads a variable that the selection assigns")
        if isinstance(node, ast.Try) and any(part in inside for part in node.body):
            later = [*node.handlers, *node.finalbody]
            if stored & set(loaded_names(later)) and not any(each in inside for each in later):
                raise Refused("After an exception, a handler reads a variable that the selection assigns")


def _bound_outside(function: ast.FunctionDef | ast.AsyncFunctionDef, inside: set[ast.AST]) -> set[str]:
    """Return the function's own names that are bound outside the selection."""
    found = set(parameters_of(function))
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if node in inside:
            continue
        found.update(bound_by(node))
        if not isinstance(node, (*SCOPES, *COMPREHENSIONS)):
            stack += ast.iter_child_nodes(node)
    return found


def _has_value(
    source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, statement: ast.stmt, name: str
) -> bool:
    """Tell whether a variable of a function always has a value before a statement."""
    node: ast.AST = statement
    while node is not function:
        parent = source.parents[node]
        if isinstance(node, ast.stmt):
            block = source.block_of(node)
            if _assigns(block[: block.index(node)], name) or name in _header_names(parent, node):
                return True
        elif name in bound_by(node) or (
            isinstance(node, ast.match_case) and name in stored_names([node.pattern])
        ):
            return True
        node = parent
    return name in parameters_of(function)


def _header_names(parent: ast.AST, child: ast.AST) -> set[str]:
    """Return the names that the head of a compound statement assigns before its body."""
    match parent:
        case ast.For(target=target, body=body) | ast.AsyncFor(target=target, body=body) if child in body:
            return stored_names([target])
        case ast.With(items=items) | ast.AsyncWith(items=items):
            return stored_names(items)
        case _:
            return set()


def _bound_by_outer_functions(source: Source, function: ast.AST) -> set[str]:
    found: set[str] = set()
    for each in source.ancestors(function):
        if isinstance(each, FUNCTIONS):
            found |= {*stored_names(each.body), *parameters_of(each)}
    return found


def _read_outside(
    source: Source, function: ast.AST, inside: set[ast.AST], end: int, repeated: set[ast.AST]
) -> set[str]:
    """Return the names that code reads after the selection, or before it in a loop around both."""
    found: set[str] = set()
    for node in ast.walk(function):
        if node in inside:
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        else:
            continue
        if node in repeated or source.span(node)[0] >= end:
            found.add(name)
    return found


def _reads_first(statements: Sequence[ast.stmt], name: str) -> bool:
    """Tell whether the statements may read a name before they assign it."""
    for each in statements:
        if name in loaded_names([each]):
            return True
        if _assigns([each], name):
            return False
    return False


def _assigns(statements: Sequence[ast.stmt], name: str) -> bool:
    """Tell whether the statements always assign a name."""
    for each in statements:
        match each:
            case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.AugAssign():
                if name in stored_names([each]):
                    return True
            case ast.If(body=body, orelse=other):
                if _assigns(body, name) and _assigns(other, name):
                    return True
            case ast.With(items=items):  # it may swallow an exception of its body
                if name in stored_names(items):
                    return True
            case (
                ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef()
            ):
                if name in stored_names([each]):
                    return True
            case _:
                pass
    return False


def _stored_in_order(statements: Sequence[ast.stmt]) -> list[str]:
    stored = stored_names(statements)
    places = [node for each in statements for node in ast.walk(each) if isinstance(node, ast.Name)]
    places.sort(key=lambda node: (node.lineno, node.col_offset))
    named = _unique(node.id for node in places if node.id in stored and not isinstance(node.ctx, ast.Load))
    return [*named, *sorted(stored - set(named))]


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
