"""Inlines a local variable: its value replaces its uses, and its assignment is removed.

Only a variable of a function is inlined, since other files may use those of modules and classes. It must have
one assignment, which is evaluated before each use, and its value must be the same at the uses. The result is
checked against the syntax tree that it should have.
"""

import ast
import copy
from dataclasses import dataclass

from spark_lsp.lsp.refactor import effects
from spark_lsp.lsp.refactor.source import (
    FUNCTIONS,
    SCOPES,
    Refused,
    Source,
    bound_by,
    parameters_of,
    parse,
    same_code,
    stored_names,
)

Edit = tuple[int, int, str]
_ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Dict, ast.Set)
_ATOMS_TOO = (ast.ListComp, ast.SetComp, ast.DictComp, ast.JoinedStr)


@dataclass(frozen=True)
class Variable:
    """A variable of a function, with its only assignment and its uses in order."""

    name: str
    function: ast.FunctionDef | ast.AsyncFunctionDef
    assignment: ast.Assign | ast.AnnAssign
    value: ast.expr
    uses: list[ast.Name]


def inline_variable(text: str, start: int, end: int, name: str = "") -> list[Edit]:
    """Return the edits that inline the variable at `start`, or the one with a name in `[start, end)`.

    Raises `Refused` if there is no such variable, or if the result could behave differently.
    """
    source = Source(text)
    variable = _find_variable(source, _find_name(source, start, end, name))
    _require_same_value(source, variable)
    edits = [_removal(source, variable), *(_replacement(source, variable, use) for use in variable.uses)]
    _verify(source, variable, edits)
    return edits


def _find_name(source: Source, start: int, end: int, name: str) -> ast.Name:
    found = [node for node in ast.walk(source.tree) if isinstance(node, ast.Name)]
    spans = sorted(((source.span(node), node) for node in found), key=lambda each: each[0])
    for (first, last), node in spans:
        is_inside = source.line_start(start) <= first <= max(start, end)
        if (name and is_inside and node.id == name) or (not name and first <= start <= last):
            return node
    for (first, _), node in spans:  # the variable that a selected line assigns
        if not name and first >= source.line_start(start) and first <= end and _is_assigned(source, node):
            return node
    raise Refused(f"There is no variable {name!r} in these lines" if name else "There is no variable here")


def _is_assigned(source: Source, node: ast.Name) -> bool:
    parent = source.parents[node]
    return isinstance(parent, ast.Assign) and parent.targets == [node]


def _find_variable(source: Source, node: ast.Name) -> Variable:
    function = source.function_of(node)
    if function is None:
        raise Refused(f"{node.id!r} is not a variable of a function, so other files may use it")
    if node.id in parameters_of(function):
        raise Refused(f"{node.id!r} is a parameter")
    places = [each for each in ast.walk(function) if node.id in bound_by(each) or _reads(each, node.id)]
    for each in places:
        scope = next(parent for parent in source.ancestors(each) if isinstance(parent, SCOPES))
        if scope is not function:
            raise Refused(f"A nested function or class uses {node.id!r}")
    bindings = [each for each in places if not _reads(each, node.id)]
    if len(bindings) != 1:
        raise Refused(f"{node.id!r} is assigned {len(bindings)} times")
    assignment = source.parents[bindings[0]]
    match assignment:
        case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(value=ast.expr() as value):
            pass
        case _:
            raise Refused(f"{node.id!r} does not have one plain assignment")
    uses = [each for each in places if isinstance(each, ast.Name) and _reads(each, node.id)]
    if not uses:
        raise Refused(f"{node.id!r} is never used")
    return Variable(node.id, function, assignment, value, sorted(uses, key=lambda use: source.span(use)))


def _reads(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def _require_same_value(source: Source, variable: Variable) -> None:
    """Raise `Refused` unless each use would evaluate the value to the same result."""
    effects.require_movable(variable.value)
    block = source.block_of(variable.assignment)
    at = block.index(variable.assignment)
    users = [_user_in(source, block[at + 1 :], use) for use in variable.uses]
    last = block.index(users[-1])
    between = block[at + 1 : last]
    _require_names_unchanged(source, variable, block[at + 1 : last + 1])
    if any(isinstance(each, ast.JoinedStr) for use in variable.uses for each in source.ancestors(use)):
        raise Refused(f"An f-string uses {variable.name!r}")
    if effects.is_fixed(variable.value):
        return
    if any(effects.has_effects(each) for each in between):
        raise Refused("Statements before the use may change the value")
    statement, use = users[-1], variable.uses[-1]
    first, _ = source.span(variable.uses[0])
    if effects.is_calm(variable.value):
        if isinstance(statement, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.If)):
            is_header = not isinstance(statement, ast.If) or use in ast.walk(statement.test)
            if is_header and not effects.calls_before(source, statement, source.span(use)[0]):
                return
        raise Refused("Code before the use may change the value")
    if len(variable.uses) > 1 or between:
        raise Refused("The value may have effects, and the next statement is not its only use")
    if not effects.runs_once(source, use, statement) or effects.calls_before(source, statement, first):
        raise Refused("The value may have effects, and would be evaluated at another time")


def _user_in(source: Source, later: list[ast.stmt], use: ast.Name) -> ast.stmt:
    """Return the statement below the assignment that contains a use."""
    around = [use, *source.ancestors(use)]
    found = next((each for each in later if each in around), None)
    if found is None:
        raise Refused("The assignment is not always made before the use")
    return found


def _require_names_unchanged(source: Source, variable: Variable, later: list[ast.stmt]) -> None:
    names = {node.id for node in ast.walk(variable.value) if isinstance(node, ast.Name)}
    changed = names & stored_names(later)
    if changed:
        raise Refused(f"{min(changed)!r} changes before the use")
    for each in ast.walk(variable.function):
        if isinstance(each, (ast.Global, ast.Nonlocal)) and names & set(each.names):
            raise Refused("Another function may change the value")
    for use in variable.uses:
        for each in source.ancestors(use):
            if isinstance(
                each, ast.comprehension | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
            ):
                own = {name for node in ast.walk(each) for name in bound_by(node)}
                if own & names:
                    raise Refused(f"{min(own & names)!r} has another meaning at the use")
            if isinstance(each, FUNCTIONS):
                break


def _removal(source: Source, variable: Variable) -> Edit:
    if not (source.starts_line(variable.assignment) and source.ends_line(variable.assignment)):
        raise Refused("Other code or a comment is on the line of the assignment")
    start, end = source.span(variable.assignment)
    return source.line_start(start), source.next_line(end), ""


def _replacement(source: Source, variable: Variable, use: ast.Name) -> Edit:
    start, end = source.span(use)
    text = source.text_of(variable.value)
    is_number = _is_number(variable.value) and isinstance(source.parents[use], ast.Attribute)
    is_atom = isinstance(variable.value, (*_ATOMS, *_ATOMS_TOO)) and not is_number
    is_free = _takes_any_expression(source.parents[use], use) and not isinstance(variable.value, ast.Tuple)
    is_one_line = variable.value.lineno == variable.value.end_lineno
    is_wrapped = text.startswith("(") and isinstance(variable.value, ast.Tuple)
    if is_wrapped or (is_one_line and (is_atom or is_free)) or (is_atom and text[-1:] in ")]}"):
        return start, end, text
    return start, end, f"({text})"


def _is_number(value: ast.expr) -> bool:
    """Tell whether a value is a number, after which a dot would be a decimal point."""
    return isinstance(value, ast.Constant) and isinstance(value.value, (int, float, complex))


def _takes_any_expression(parent: ast.AST, use: ast.Name) -> bool:
    """Tell whether an expression needs no parentheses as this part of `parent`."""
    if isinstance(parent, ast.Call):
        return use in parent.args
    if isinstance(parent, ast.Subscript):
        return use is parent.slice
    return isinstance(parent, (ast.keyword, ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr))


def _verify(source: Source, variable: Variable, edits: list[Edit]) -> None:
    """Raise `Refused` unless the edited text is the tree with the value in place of the uses."""
    text = source.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    expected = copy.deepcopy((source.tree, variable.assignment, variable.value, variable.uses))
    tree, assignment, value, uses = expected
    _Inliner(assignment, value, {id(use) for use in uses}).visit(tree)
    if not same_code(tree, parse(text)):
        raise Refused("The value cannot be written at its uses")


class _Inliner(ast.NodeTransformer):
    def __init__(self, assignment: ast.AST, value: ast.expr, uses: set[int]) -> None:
        self._assignment = assignment
        self._value = value
        self._uses = uses

    def visit(self, node: ast.AST) -> ast.AST | None:
        """Remove the assignment, and replace the uses."""
        if node is self._assignment:
            return None
        if id(node) in self._uses:
            return copy.deepcopy(self._value)
        return self.generic_visit(node)
