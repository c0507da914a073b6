"""Python source with its syntax tree: places, parents, and the names that code binds and reads.

This file and its neighbours are loaded by `child`, which has the standard library alone.
"""

import ast
import re
from collections.abc import Iterable, Iterator

LINE_END = re.compile(r"\r\n|\n|\r")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Refused(Exception):
    """A refactoring that is impossible or could change the behaviour; the text says why."""


class Source:
    """A text and its tree. Raises `Refused` if it does not parse."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = parse(text)
        self._starts = [0, *(match.end() for match in LINE_END.finditer(text))]
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line from 1 and a column in bytes."""
        start = self._starts[line - 1]
        text = self.text[start : start + column]
        if not text.isascii():
            text = self.text[start : start + column].encode()[:column].decode()
        return start + len(text)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the range of a statement or an expression."""
        found = node  # these kinds of nodes have places
        assert isinstance(found, (ast.expr, ast.stmt, ast.arg, ast.ExceptHandler))
        end_line, end_column = found.end_lineno, found.end_col_offset
        assert end_line is not None
        assert end_column is not None
        return self.offset(found.lineno, found.col_offset), self.offset(end_line, end_column)

    def text_of(self, node: ast.AST) -> str:
        """Return the text of a statement or an expression."""
        start, end = self.span(node)
        return self.text[start:end]

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of `offset` begins."""
        return max(start for start in self._starts if start <= offset)

    def next_line(self, offset: int) -> int:
        """Return the offset at which the next line begins, or the length of the text."""
        return next((start for start in self._starts if start > offset), len(self.text))

    def indent_at(self, offset: int) -> str:
        """Return the indentation of the line of `offset`."""
        line = self.text[self.line_start(offset) : self.next_line(offset)]
        return line[: len(line) - len(line.lstrip(" \t\f"))]

    @property
    def line_end(self) -> str:
        """The line end of the text, which is that of its first line."""
        match = LINE_END.search(self.text)
        return match[0] if match else "\n"

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Give the nodes around a node, the innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement_of(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement that contains a node, which may be that statement."""
        return next(each for each in (node, *self.ancestors(node)) if isinstance(each, ast.stmt))

    def function_of(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """Return the function whose body contains a node, unless a class or a lambda is nearer."""
        scope = next((each for each in self.ancestors(node) if isinstance(each, SCOPES)), None)
        return scope if isinstance(scope, FUNCTIONS) else None

    def block_of(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return the list of statements that contains a statement."""
        for _, value in ast.iter_fields(self.parents[statement]):
            if isinstance(value, list) and statement in value:
                return value  # pyright: ignore[reportUnknownVariableType]
        raise Refused("This statement is in no block")

    def starts_line(self, node: ast.AST) -> bool:
        """Tell whether only white space precedes a node on its line."""
        start, _ = self.span(node)
        return not self.text[self.line_start(start) : start].strip()

    def ends_line(self, node: ast.AST) -> bool:
        """Tell whether only white space follows a node on its line."""
        _, end = self.span(node)
        return not self.text[end : self.next_line(end)].strip()


def parse(text: str) -> ast.Module:
    """Return the tree of a text. Raises `Refused` if it does not parse."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused("The file does not parse as Python") from error


def stored_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that statements bind in their scope; nested scopes bind names of their own."""
    found: set[str] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        found.update(bound_by(node))
        if isinstance(node, COMPREHENSIONS):
            stack += [each for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
        elif isinstance(node, SCOPES):
            stack += [] if isinstance(node, ast.Lambda) else node.decorator_list
        else:
            stack += ast.iter_child_nodes(node)
    return found


def bound_by(node: ast.AST) -> list[str]:
    """Return the names that a node itself binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.alias(name=name, asname=asname):
            return [asname or name.split(".")[0]]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return list(names)
        case ast.arg(arg=name):
            return [name]
        case _:
            return []


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[str]:
    """Return the names of a function's parameters."""
    return [each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)]


def loaded_names(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the names that code reads, in order, without those of comprehensions and lambdas in it."""
    found: list[str] = []
    for node in nodes:
        _add_loaded(node, frozenset(), found)
    return found


def _add_loaded(node: ast.AST, own: frozenset[str], found: list[str]) -> None:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id not in own:
            found.append(node.id)
        return
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        found.append(node.target.id)
    if isinstance(node, COMPREHENSIONS):
        targets = {
            name for each in node.generators for child in ast.walk(each.target) for name in bound_by(child)
        }
        own = own | targets
    elif isinstance(node, ast.Lambda):
        own = own | set(parameters_of(node))
    for child in ast.iter_child_nodes(node):
        _add_loaded(child, own, found)


def identifiers(tree: ast.AST) -> set[str]:
    """Return all names and attributes in a tree."""
    found = {name for node in ast.walk(tree) for name in bound_by(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
    return found


def same_code(one: ast.AST, other: ast.AST) -> bool:
    """Tell whether two trees are the same code."""
    return ast.dump(one) == ast.dump(other)


def find_expression(source: Source, start: int, end: int) -> ast.expr:
    """Return the expression with exactly this text, apart from white space and parentheses around it."""
    while start < end and source.text[start].isspace():
        start += 1
    while start < end and source.text[end - 1].isspace():
        end -= 1
    wanted = [(start, end)]
    while source.text[start : start + 1] == "(" and source.text[end - 1 : end] == ")":
        start, end = start + 1, end - 1
        wanted.append((start, end))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.expr) and source.span(node) in wanted and is_value(source, node):
            return node
    raise Refused("The selection is not a complete expression")


def is_value(source: Source, node: ast.expr) -> bool:
    """Tell whether a node is read as a value, and its place is known."""
    if isinstance(node, (ast.Starred, ast.Slice)) or not isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        return False
    return not any(isinstance(each, (ast.JoinedStr, ast.pattern)) for each in source.ancestors(node))
