"""Facts about code that is not run: definitions, errors, tokens, uses of a name, imports.

`SyntaxTree` parses a text with tree-sitter where a grammar exists (Python, JavaScript, TypeScript). For other
languages it guesses definitions (see `definitions`), and answers None to all other questions: "unknown".
Offsets are code points.

Grammars know line feeds only, so a carriage return without one is read as one. All offsets stay the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tree_sitter import Language, Node, Parser

from spark_lsp.prompts.definitions import Definition, guess_definition
from spark_lsp.text.document import Document

_DEFINITIONS = {
    "function_definition",
    "class_definition",
    "function_declaration",
    "generator_function_declaration",
    "class_declaration",
    "method_definition",
    "interface_declaration",
    "abstract_class_declaration",
}
_SCRIPT_DEFINITIONS = {
    *("function_signature", "method_signature", "abstract_method_signature"),
    *("type_alias_declaration", "enum_declaration"),
}
_FUNCTION_VALUES = {"arrow_function", "function_expression", "generator_function", "class"}
_NAMED_VALUES = {  # by the field that holds the value
    "variable_declarator": "value",
    "pair": "value",
    "public_field_definition": "value",
    "field_definition": "value",
    "assignment_expression": "right",
}
_STATEMENTS = {"lexical_declaration", "variable_declaration", "expression_statement"}
_WRAPPERS = {"decorated_definition", "export_statement"}
_NAMES = {
    "identifier",
    "shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
    "type_identifier",
}
_IMPORTS = {"import_statement", "import_from_statement", "future_import_statement"}
_LONE_RETURN = re.compile(r"\r(?!\n)")
MAX_PARSED_CHARS = 200_000  # parsing takes 25 ms for 100,000


@dataclass(frozen=True)
class SyntaxTree:
    """A text, its language (LSP's id) and its syntax tree.

    The first question that needs the tree parses the text; later questions use the same tree. There is no
    tree without a grammar, or for a text of more than `MAX_PARSED_CHARS`.
    """

    language: str
    text: str

    @classmethod
    def of(cls, document: Document) -> "SyntaxTree":
        """Return the tree of a document."""
        return cls(document.language, document.text)

    def definition_at(self, offset: int) -> Definition | None:
        """Return the innermost definition whose lines contain `offset`, or None."""
        if offset not in self._definitions:  # each code action needs that of the cursor
            self._definitions[offset] = self._find_definition(offset)
        return self._definitions[offset]

    @cached_property
    def _definitions(self) -> dict[int, Definition | None]:
        """The known answers of `definition_at`."""
        return {}

    def _find_definition(self, offset: int) -> Definition | None:
        root = self._root
        if root is None:
            return guess_definition(self._with_line_feeds, self.language, offset)
        byte = len(self.text[:offset].encode("utf-8", "surrogatepass"))
        innermost: Node | None = None
        stack = [root]
        while stack:
            node = stack.pop()
            if node.type in _DEFINITIONS or node.type in _SCRIPT_DEFINITIONS or _function_value(node):
                innermost = node
            stack += [child for child in reversed(node.children) if _lines_contain(child, byte)]
        return None if innermost is None else self._make_definition(innermost)

    def _make_definition(self, node: Node) -> Definition:
        outer = _with_wrapper(node)
        start = self._with_line_feeds.rfind("\n", 0, self._offset_of(outer.start_byte)) + 1
        end = self._offset_of(outer.end_byte)
        function = _function_value(node) or node
        first = _first_statement(function.child_by_field_name("body"))
        if first is None:
            return Definition(start, end, None, None)
        body = self._offset_of(first.start_byte) if first.start_point[0] > node.start_point[0] else None
        string = _docstring_in(first)
        if string is None:
            return Definition(start, end, body, None)
        docstring = (self._offset_of(string.start_byte), self._offset_of(string.end_byte))
        return Definition(start, end, body, docstring)

    def count_errors(self) -> int | None:
        """Return how many places do not parse, or None if that is unknown."""
        root = self._root
        if root is None:
            return None
        if not root.has_error:
            return 0
        return sum(1 for node in _walk_nodes(root) if node.type == "ERROR" or node.is_missing)

    def code_tokens(self) -> list[str] | None:
        """Return the tokens of the code without comments and docstrings, or None if they are unknown."""
        root = self._root
        if root is None:
            return None
        docstrings = {node.id for node in _find_docstrings(root)}
        return [token.decode("utf-8", "surrogatepass") for token in _token_texts(root, docstrings)]

    def find_uses(self, name: str) -> list[int] | None:
        """Return the offsets at which code uses a name, in order, or None if they are unknown.

        Attributes and keyword arguments with the same spelling are other names.
        """
        root = self._root
        if root is None:
            return None
        wanted = name.encode()
        return [
            self._offset_of(node.start_byte)
            for node in _walk_nodes(root)
            if node.type in _NAMES and node.text == wanted and not _is_attribute_or_keyword(node)
        ]

    def find_import_offset(self) -> int:
        """Return the offset of the line at which an `import` can be inserted into Python code.

        It is below the imports at the top of the file, or below the comments and the docstring there.
        """
        tree = self
        if len(self.text) > MAX_PARSED_CHARS:
            tree = SyntaxTree(self.language, self._with_line_feeds[:MAX_PARSED_CHARS])
        root = tree._root
        assert root is not None, "a Python text of this size has a tree"
        last_end = 0
        for number, node in enumerate(root.named_children):
            is_docstring = number <= 1 and _docstring_in(node) is not None
            if node.type not in _IMPORTS and node.type != "comment" and not is_docstring:
                break
            last_end = tree._offset_of(node.end_byte)
        if last_end == 0:
            return 0
        line_end = self._with_line_feeds.find("\n", last_end)
        return len(self.text) if line_end < 0 else line_end + 1

    @cached_property
    def _with_line_feeds(self) -> str:
        """The text with a line feed for each carriage return that has none after it."""
        return _LONE_RETURN.sub("\n", self.text)

    @cached_property
    def _encoded(self) -> bytes:
        return self._with_line_feeds.encode("utf-8", "surrogatepass")

    @property
    def root(self) -> Node | None:
        """The root of the tree, or None if there is no tree."""
        return self._root

    def offset_of(self, byte: int) -> int:
        """Return the offset in code points of an offset in bytes."""
        return self._offset_of(byte)

    def byte_of(self, offset: int) -> int:
        """Return the offset in bytes of an offset in code points."""
        if len(self._encoded) == len(self.text):
            return offset
        return len(self._with_line_feeds[:offset].encode("utf-8", "surrogatepass"))

    @cached_property
    def _root(self) -> Node | None:
        grammar = load_grammar(self.language)
        if grammar is None or len(self.text) > MAX_PARSED_CHARS:
            return None
        # A parser cannot be shared: several threads may parse at the same time.
        return Parser(grammar).parse(self._encoded).root_node

    def _offset_of(self, byte: int) -> int:
        """Return the offset in code points of an offset in bytes."""
        if len(self._encoded) == len(self.text):
            return byte  # all characters are ASCII
        return len(self._encoded[:byte].decode("utf-8", "surrogatepass"))


def _lines_contain(node: Node, byte: int) -> bool:
    """Tell whether the lines of a node, the decorators of a definition included, contain an offset."""
    outer = _with_wrapper(node)
    follower = outer.next_sibling
    end = follower.end_byte if follower is not None and follower.type in (";", ",") else outer.end_byte
    return outer.start_byte - outer.start_point.column <= byte <= end


def _function_value(node: Node) -> Node | None:
    """Return the function or class that a variable, a property or a field gets here, or None."""
    name = _NAMED_VALUES.get(node.type)
    value = node.child_by_field_name(name) if name else None
    return value if value is not None and value.type in _FUNCTION_VALUES else None


def _with_wrapper(node: Node) -> Node:
    """Return the statement, decoration or export around a definition, or the node."""
    parent = node.parent
    if parent is not None and parent.type in _STATEMENTS and _function_value(node) is not None:
        node, parent = parent, parent.parent
    return parent if parent is not None and parent.type in _WRAPPERS else node


def _first_statement(body: Node | None) -> Node | None:
    if body is None or not body.named_children:
        return None
    return body.named_children[0]


def _docstring_in(statement: Node | None) -> Node | None:
    """Return the string that is the complete statement, or None."""
    if statement is None or statement.type != "expression_statement" or len(statement.named_children) != 1:
        return None
    expression = statement.named_children[0]
    return expression if expression.type == "string" else None


def _find_docstrings(root: Node) -> Iterator[Node]:
    for node in _walk_nodes(root):
        if node.type == "module":
            body: Node | None = node
        elif node.type in _DEFINITIONS:
            body = node.child_by_field_name("body")
        else:
            continue
        docstring = _docstring_in(_first_statement(body))
        if docstring is not None:
            yield docstring


def _token_texts(root: Node, skipped: set[int]) -> Iterator[bytes]:
    """Give the text of every token outside comments and the nodes in `skipped`.

    No recursion: a long sum is a tree as deep as the sum is long.
    """
    stack = [root]
    while stack:
        node = stack.pop()
        if node.id in skipped or "comment" in node.type:
            continue
        if node.children and node.type != "string":
            stack.extend(reversed(node.children))
        else:
            yield node.text or b""


def _is_attribute_or_keyword(node: Node) -> bool:
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "attribute":
        return parent.child_by_field_name("attribute") == node
    return parent.type == "keyword_argument" and parent.child_by_field_name("name") == node


def _walk_nodes(root: Node) -> Iterator[Node]:
    """Give every node, parents before children."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


@lru_cache
def load_grammar(language: str) -> Language | None:
    """Return the grammar for one of LSP's language ids, or None."""
    pointer: object
    if language == "python":
        import tree_sitter_python

        pointer = tree_sitter_python.language()
    elif language in ("javascript", "javascriptreact"):
        import tree_sitter_javascript

        pointer = tree_sitter_javascript.language()
    elif language == "typescript":
        import tree_sitter_typescript

        pointer = tree_sitter_typescript.language_typescript()
    elif language == "typescriptreact":
        import tree_sitter_typescript

        pointer = tree_sitter_typescript.language_tsx()
    else:
        return None
    return Language(pointer)
