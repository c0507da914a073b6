"""Judges whether an expression may be evaluated at another place without another result.

Three classes: *fixed* expressions (names and constants) have the same value everywhere as long as their
names are not bound again; *calm* ones (operators on them) change nothing, but read values that other code may
change; all others may have effects.
"""

import ast

from spark_lsp.lsp.refactor.source import COMPREHENSIONS, LOOPS, Refused, Source

_FIXED = (ast.Name, ast.Constant, ast.Tuple, ast.expr_context, ast.UnaryOp, ast.unaryop)
_CALM = (*_FIXED, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.operator, ast.boolop, ast.cmpop)
_NEVER = (ast.NamedExpr, ast.Yield, ast.YieldFrom)
_ACTS = (ast.Call, ast.Await, *_NEVER)


def is_fixed(node: ast.expr) -> bool:
    """Tell whether an expression consists of names and constants."""
    return all(isinstance(each, _FIXED) for each in ast.walk(node))


def is_calm(node: ast.expr) -> bool:
    """Tell whether an expression consists of operators, names and constants."""
    return all(isinstance(each, _CALM) for each in ast.walk(node))


def require_movable(node: ast.expr) -> None:
    """Raise `Refused` for an expression that must stay at its place."""
    if any(isinstance(each, _NEVER) for each in ast.walk(node)):
        raise Refused("The expression assigns or yields a value, so it must stay at its place")


def has_effects(node: ast.AST) -> bool:
    """Tell whether code calls, awaits or yields, or changes an object."""
    for each in ast.walk(node):
        if isinstance(each, _ACTS):
            return True
        if isinstance(each, (ast.Attribute, ast.Subscript)) and not isinstance(each.ctx, ast.Load):
            return True
    return isinstance(node, (ast.AugAssign, ast.Delete, ast.Import, ast.ImportFrom))


def calls_before(source: Source, statement: ast.stmt, offset: int) -> bool:
    """Tell whether the statement has made a call before it evaluates the expression at `offset`."""
    return any(
        isinstance(each, _ACTS) and source.span(each)[1] <= offset
        for each in ast.walk(statement)
        if isinstance(each, ast.expr)
    )


def runs_once(source: Source, node: ast.expr, statement: ast.stmt) -> bool:
    """Tell whether a statement evaluates an expression in it exactly once, whatever its values are."""
    child: ast.AST = node
    for parent in source.ancestors(node):
        if parent is statement:
            return _is_evaluated_first(child, statement)
        if not _passes(child, parent):
            return False
        child = parent
    return False


def _passes(child: ast.AST, parent: ast.AST) -> bool:
    """Tell whether a node always evaluates this child once."""
    match parent:
        case ast.IfExp(test=first) | ast.BoolOp(values=[first, *_]):
            return child is first
        case ast.Compare(left=left, comparators=[second, *_]):
            return child in (left, second)
        case ast.Lambda():
            return False
        case ast.comprehension(iter=first):
            return child is first
        case _ if isinstance(parent, COMPREHENSIONS):
            return child is parent.generators[0]
        case _:
            return True


def _is_evaluated_first(child: ast.AST, statement: ast.stmt) -> bool:
    """Tell whether a statement always evaluates a direct part once, before it changes anything."""
    match statement:
        case ast.Assign(value=part) | ast.AnnAssign(value=part) | ast.Return(value=part):
            return child is part
        case ast.AugAssign(value=part, target=ast.Name()) | ast.Expr(value=part):
            return child is part
        case ast.If(test=part) | ast.For(iter=part) | ast.Assert(test=part) | ast.Match(subject=part):
            return child is part
        case ast.Raise(exc=part):
            return child is part
        case ast.With(items=[first, *_]):
            return child is first
        case _:
            return False


def loops_around(source: Source, node: ast.AST, scope: ast.AST) -> list[ast.AST]:
    """Return the loops between a node and the scope that contains it."""
    found: list[ast.AST] = []
    for each in source.ancestors(node):
        if each is scope:
            break
        if isinstance(each, LOOPS):
            found.append(each)
    return found
