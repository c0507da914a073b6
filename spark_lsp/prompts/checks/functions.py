"""The functions of a text that a change touches: their heads, results and parameters."""

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from spark_lsp.prompts.names_code import text_of, walk
from spark_lsp.prompts.names_rules import LANGUAGES
from spark_lsp.prompts.syntax import SyntaxTree

_FUNCTIONS = frozenset(
    {
        *("function_definition", "function_declaration", "generator_function_declaration"),
        "method_definition",
    }
)
NESTED = _FUNCTIONS | frozenset(("lambda", "arrow_function", "function_expression"))
_RESULTS = frozenset(("return_statement", "yield", "yield_expression"))
_CLASSES = frozenset(("class_definition", "class_declaration", "abstract_class_declaration", "class"))


@dataclass(frozen=True)
class Function:
    """A function or method of a file, by the names of the classes around it and its own."""

    name: str
    node: Node
    language: str

    @property
    def head(self) -> str:
        """The text before the body, with single spaces and without comments."""
        body = self.node.child_by_field_name("body")
        source = self.node.text or b""
        end = len(source) if body is None else body.start_byte - self.node.start_byte
        head = source[:end].decode("utf-8", "replace")
        return " ".join("".join(line.split("#")[0] for line in head.splitlines()).split())

    @property
    def has_result(self) -> bool:
        """Whether it returns or yields a value; functions inside it do not count."""
        stack = list(self.node.children)
        while stack:
            node = stack.pop()
            if node.type in _RESULTS and node.named_children:
                return True
            if node.type not in NESTED:
                stack.extend(node.children)
        return False

    def parameters(self) -> set[str]:
        """Return the names of the parameters."""
        found = self.node.child_by_field_name("parameters")
        rules = LANGUAGES.get(self.language)
        if found is None or rules is None:
            return set()
        return {text_of(node) for node in walk(found) if rules.is_name(node) and rules.is_binding(node)}

    def used_parameters(self) -> set[str]:
        """Return the parameters that the body reads."""
        body = self.node.child_by_field_name("body")
        rules = LANGUAGES.get(self.language)
        if body is None or rules is None:
            return set()
        return self.parameters() & {text_of(node) for node in walk(body) if rules.is_name_use(node)}


def list_functions(tree: SyntaxTree, start: int, end: int) -> Iterator[Function]:
    """Give the functions that overlap `[start, end)`, without those inside other functions."""
    if tree.root is None:
        return
    first, last = tree.byte_of(start), tree.byte_of(end)
    stack: list[tuple[Node, str]] = [(tree.root, "")]
    while stack:
        node, scope = stack.pop()
        if node.end_byte <= first or node.start_byte >= last:
            continue
        name = node.child_by_field_name("name")
        if node.type in _FUNCTIONS and name is not None:
            yield Function(f"{scope}{text_of(name)}", node, tree.language)
            continue
        inner = f"{scope}{text_of(name)}." if name is not None and node.type in _CLASSES else scope
        stack.extend((child, inner) for child in reversed(node.children))
