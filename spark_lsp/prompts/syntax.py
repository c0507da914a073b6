"""Facts about code that is not run: definitions, errors, tokens, uses of a name, imports.

`SyntaxTree` parses a text with tree-sitter where a grammar exists (Python, JavaScript, TypeScript). For other
languages it guesses definitions from their first line and their braces or indentation, and answers None to
all other questions: "unknown". Offsets are code points.

Grammars know line feeds only, so a carriage return without one is read as one. All offsets stay the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tree_sitter import Language, Node, Parser

from spark_lsp.text.document import Document
from spark_lsp.text.lines import indent_width

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
_WRAPPERS = {"decorated_definition", "export_statement"}
_HEAD = re.compile(
    r"^[ \t]*(?:(?:pub(?:\([a-z]+\))?|public|private|protected|static|async|export|local|unsafe|abstract"
    r"|final)\s+)*(?:fn|func|function|def|class|struct|enum|trait|impl|interface|type|module)\b\s*[\w.:(]",
    re.MULTILINE,
)
_NAMES = {
    "identifier",
    "shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
    "type_identifier",
}
_IMPORTS = {"import_statement", "import_from_statement", "future_import_statement"}
_BLOCK_ENDS = {"end", "}"}
_LONE_RETURN = re.compile(r"\r(?!\n)")
MAX_PARSED_CHARS = 200_000  # parsing takes 25 ms for 100,000
MAX_GUESS_CHARS = 50_000  # to search on each side of the cursor, without a tree


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, method or class: complete lines `[start, end)`, without the last line end.

    `body` is the offset of its body's first statement, or None if the body is not on lines below the head.
    `docstring` is the range of its docstring, quotes included (Python only).
    """

    start: int
    end: int
    body: int | None
    docstring: tuple[int, int] | None


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
        root = self._root
        if root is None:
            return _guess_definition_near(self._with_line_feeds, offset)
        byte = len(self.text[:offset].encode("utf-8", "surrogatepass"))
        innermost: Node | None = None
        stack = [root]
        while stack:
            node = stack.pop()
            if node.type in _DEFINITIONS:
                innermost = node
            stack += [child for child in reversed(node.children) if _lines_contain(child, byte)]
        return None if innermost is None else self._make_definition(innermost)

    def _make_definition(self, node: Node) -> Definition:
        outer = _with_wrapper(node)
        start = self._with_line_feeds.rfind("\n", 0, self._offset_of(outer.start_byte)) + 1
        end = self._offset_of(outer.end_byte)
        first = _first_statement(node.child_by_field_name("body"))
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
    return outer.start_byte - outer.start_point.column <= byte <= outer.end_byte


def _with_wrapper(node: Node) -> Node:
    """Return the decorated or exported definition around a node, or the node."""
    parent = node.parent
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


def _guess_definition_near(text: str, offset: int) -> Definition | None:
    """Guess the definition at `offset` from the lines around it: a large text must not take longer."""
    shift = text.rfind("\n", 0, max(offset - MAX_GUESS_CHARS, 0)) + 1
    near = text[shift : offset + MAX_GUESS_CHARS]
    at = offset - shift
    line_end = near.find("\n", at)
    heads = list(_HEAD.finditer(near, 0, len(near) if line_end < 0 else line_end))
    for head in reversed(heads):
        start = head.start()
        end = _guess_block_end(near, start)
        if start <= at <= end:
            return Definition(start + shift, end + shift, None, None)
    return None


def _guess_block_end(text: str, start: int) -> int:
    """Return the end of a block: after its closing brace, or before a line that is not indented deeper."""
    opening = text.find("{", start)
    if opening >= 0 and _is_on_first_two_lines(text, start, opening):
        depth = 0
        for at in range(opening, len(text)):
            if text[at] == "{":
                depth += 1
            elif text[at] == "}":
                depth -= 1
            if depth == 0:
                return at + 1
    return _guess_indented_end(text, start)


def _is_on_first_two_lines(text: str, start: int, offset: int) -> bool:
    """Tell whether `offset` is on the line at `start`, or on the next one if that has a line end."""
    first_end = text.find("\n", start)
    if first_end < 0 or offset < first_end:
        return True
    return offset <= text.find("\n", first_end + 1)


def _guess_indented_end(text: str, start: int) -> int:
    """Return the end of the block whose head begins at `start`, by the indentation of its lines."""
    lines = text[start:].split("\n")
    indent = indent_width(lines[0])
    length = len(lines[0])
    for line in lines[1:]:
        is_deeper = indent_width(line) > indent
        is_end = line.strip() in _BLOCK_ENDS
        if line.strip() and not is_deeper and not is_end:
            break
        length += len(line) + 1
        if is_end and not is_deeper:
            break
    return start + len(text[start : start + length].rstrip())
