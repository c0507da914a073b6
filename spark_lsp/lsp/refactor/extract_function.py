"""Extracts the selected statements, or the selected expression, into a function.

A part that uses `self` becomes a method above the selection's own; all others become a function of the
module. The result is checked against the syntax tree that it should have.
"""

import ast
import copy
from dataclasses import dataclass

from spark_lsp.lsp.refactor.extract import choose_name
from spark_lsp.lsp.refactor.flow import (
    Flow,
    flow_of_expression,
    flow_of_statements,
    require_extractable,
    require_whole_loops,
)
from spark_lsp.lsp.refactor.inline import Edit
from spark_lsp.lsp.refactor.source import FUNCTIONS, Refused, Source, find_expression, parse, same_code


@dataclass(frozen=True)
class Part:
    """The selection: an expression, or consecutive statements of a block with their comments."""

    nodes: list[ast.stmt] | list[ast.expr]
    start: int
    end: int
    flow: Flow


@dataclass(frozen=True)
class Home:
    """The place of the new function: above `anchor`, as a method of `receiver` or as a plain function."""

    anchor: ast.stmt
    receiver: str = ""


def extract_function(text: str, start: int, end: int, name: str = "") -> list[Edit]:
    """Return the edits that make a function of the selection and call it. Raises `Refused` if unsafe."""
    source = Source(text)
    part = _find_part(source, start, end)
    chosen = choose_name(source, name)
    home = _find_home(source, part)
    edits = [_definition(source, part, home, chosen), _call(source, part, home, chosen)]
    _verify(source, part, home, edits)
    return edits


def _find_part(source: Source, start: int, end: int) -> Part:
    statements = _find_statements(source, start, end)
    if not statements:
        node = find_expression(source, start, end)
        _require_no_head(source, node)
        require_extractable(source, [node])
        return Part([node], *source.span(node), flow_of_expression(source, node))
    function = source.function_of(statements[0])
    if function is None:
        raise Refused("The statements are not in a function")
    require_extractable(source, statements)
    require_whole_loops(source, statements)
    first, last = source.span(statements[0])[0], source.span(statements[-1])[1]
    return Part(statements, first, last, flow_of_statements(source, function, statements))


def _require_no_head(source: Source, node: ast.expr) -> None:
    """Raise `Refused` for a part of a signature, a decorator or an annotation."""
    child: ast.AST = node
    for parent in source.ancestors(node):
        is_head = isinstance(parent, (*FUNCTIONS, ast.ClassDef)) and child not in parent.body
        if is_head or (isinstance(parent, ast.AnnAssign) and child is parent.annotation):
            raise Refused("The selection is in the head of a definition, or in an annotation")
        child = parent


def _find_statements(source: Source, start: int, end: int) -> list[ast.stmt]:
    """Return the statements that the selection covers completely; none if it covers another text."""
    covered = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.stmt) and _covers(source, start, end, node)
    ]
    outer = [node for node in covered if source.parents[node] not in covered]
    outer.sort(key=lambda node: source.span(node))
    if not outer:
        return []
    block = source.block_of(outer[0])
    at = block.index(outer[0]) if outer[0] in block else -1
    if block[at : at + len(outer)] != outer:
        raise Refused("The selection is not a sequence of complete statements")
    first, last = source.span(outer[0])[0], source.span(outer[-1])[1]
    rest = source.text[start:first] + source.text[last:end]
    if any(line.strip() and not line.strip().startswith("#") for line in rest.splitlines()):
        raise Refused("The selection is not a sequence of complete statements")
    if source.text.startswith("elif", first):
        raise Refused("An elif is a part of its if")
    if not (source.starts_line(outer[0]) and source.ends_line(outer[-1])):
        raise Refused("Other code or a comment is on the line of the selection")
    return outer


def _covers(source: Source, start: int, end: int, node: ast.stmt) -> bool:
    first, last = source.span(node)
    return start <= first and last <= end


def _find_home(source: Source, part: Part) -> Home:
    around = list(source.ancestors(part.nodes[0]))
    top = around[-2] if len(around) >= 2 else part.nodes[0]
    assert isinstance(top, ast.stmt)
    function = source.function_of(part.nodes[0])
    scope = source.parents[function] if function is not None else None
    if function is not None and isinstance(scope, ast.ClassDef) and function.args.args:
        receiver = function.args.args[0].arg
        is_plain = not any(
            ast.unparse(each) in ("staticmethod", "classmethod") for each in function.decorator_list
        )
        if receiver in part.flow.inputs and is_plain:
            if receiver in part.flow.outputs:
                raise Refused(f"The selection assigns {receiver!r}")
            return Home(function, receiver)
    for node in (each for root in part.nodes for each in ast.walk(root)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("__") and not node.attr.endswith("__"):
            raise Refused("A private attribute has another name outside its class")
    return Home(top)


def _definition(source: Source, part: Part, home: Home, name: str) -> Edit:
    """Return the edit that inserts the new function."""
    end = source.line_end
    decorators = getattr(home.anchor, "decorator_list", [])
    first, _ = source.span(decorators[0] if decorators else home.anchor)
    at = _above_comments(source, source.line_start(first))
    indent = source.indent_at(first)
    unit = _indent_unit(source)
    inputs = [each for each in part.flow.inputs if each != home.receiver]
    parameters = ", ".join([home.receiver, *inputs] if home.receiver else inputs)
    lines = [f"{indent}def {name}({parameters}):", *_body(source, part, indent + unit)]
    if part.flow.outputs:
        lines.append(f"{indent}{unit}return {', '.join(part.flow.outputs)}")
    gap = end if home.receiver else end * 2
    return at, at, end.join(lines) + end + gap


def _above_comments(source: Source, at: int) -> int:
    """Return the beginning of the lines of comments directly above a line."""
    while at > 0:
        above = source.line_start(at - 1)
        if not source.text[above:at].strip().startswith("#"):
            return at
        at = above
    return at


def _indent_unit(source: Source) -> str:
    """Return the indentation of the first indented block."""
    for node in ast.walk(source.tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.If, ast.For)) and source.starts_line(node.body[0]):
            outer, inner = (source.indent_at(source.span(each)[0]) for each in (node, node.body[0]))
            if inner.startswith(outer) and inner != outer:
                return inner[len(outer) :]
    return "    "


def _body(source: Source, part: Part, indent: str) -> list[str]:
    """Return the lines of the new function's body."""
    text = source.text[part.start : part.end]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if isinstance(part.nodes[0], ast.expr):
        lines[0] = f"{indent}return {lines[0]}" if len(lines) == 1 else f"{indent}return ({lines[0]}"
        lines[-1] += ")" if len(lines) > 1 else ""
        return lines
    old = source.indent_at(part.start)
    if old != indent and any(_spans_lines(each) for root in part.nodes for each in ast.walk(root)):
        raise Refused("A string in the selection has several lines")
    rest = [indent + line[len(old) :] if line.startswith(old) else line.lstrip() for line in lines[1:]]
    return [indent + lines[0], *(line if line.strip() else "" for line in rest)]


def _spans_lines(node: ast.AST) -> bool:
    """Tell whether a node is a string of several lines."""
    if isinstance(node, ast.Constant) and not isinstance(node.value, (str, bytes)):
        return False
    return isinstance(node, (ast.JoinedStr, ast.Constant)) and node.lineno != node.end_lineno


def _call(source: Source, part: Part, home: Home, name: str) -> Edit:
    inputs = ", ".join(each for each in part.flow.inputs if each != home.receiver)
    call = f"{home.receiver}.{name}({inputs})" if home.receiver else f"{name}({inputs})"
    targets = ", ".join(part.flow.outputs)
    return part.start, part.end, f"{targets} = {call}" if targets else call


def _verify(source: Source, part: Part, home: Home, edits: list[Edit]) -> None:
    """Raise `Refused` unless the edited text is the tree with the call and the new function."""
    text = source.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    (_, _, definition), (_, _, call) = edits
    function = parse(_dedent(definition)).body[0]
    assert isinstance(function, ast.FunctionDef)
    body: list[ast.stmt] = [ast.Return(each) if isinstance(each, ast.expr) else each for each in part.nodes]
    written = function.body[: len(body)]
    if not all(same_code(one, other) for one, other in zip(body, written, strict=True)):
        raise Refused("The selection cannot be moved")
    tree, nodes, anchor = copy.deepcopy((source.tree, part.nodes, home.anchor))
    _Extractor(nodes, anchor, function, parse(call).body[0]).visit(tree)
    if not same_code(tree, parse(text)):
        raise Refused("The selection cannot be replaced by a call")


def _dedent(definition: str) -> str:
    """Return a definition that may be a method's as a text that can be parsed alone."""
    if definition[:1] not in (" ", "\t"):
        return definition
    block = parse(f"if True:\n{definition}").body[0]
    assert isinstance(block, ast.If)
    return ast.unparse(block.body[0])


class _Extractor(ast.NodeTransformer):
    def __init__(
        self, nodes: list[ast.stmt] | list[ast.expr], anchor: ast.stmt, function: ast.stmt, call: ast.stmt
    ) -> None:
        self._nodes = nodes
        self._anchor = anchor
        self._function = function
        self._call = call

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST] | None:
        """Replace the selection by the call, and put the function above its anchor."""
        new = self._replace_node(node)
        return [self._function, new] if node is self._anchor and new is not None else new

    def _replace_node(self, node: ast.AST) -> ast.AST | None:
        if node is self._nodes[0]:
            if isinstance(node, ast.expr) and isinstance(self._call, ast.Expr):
                return self._call.value
            return self._call
        if any(node is each for each in self._nodes):
            return None
        return self.generic_visit(node)
