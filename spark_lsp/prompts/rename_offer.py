"""The rename at the cursor: which name, and whether it can be renamed within the lines of one function.

Only names that exist in one function are renamed: other files may use all others, and an editor's own rename
changes those too.
"""

from spark_lsp.prompts.definitions import Definition
from spark_lsp.prompts.names_local import Binding, find_binding
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

NO_NAME = "Put the cursor on a variable or parameter of a function"
NOT_LOCAL = "Other files may use this name; use your editor's rename"
IS_PARAMETER = "Calls may use the name of this parameter; use your editor's rename"
_DEFAULT_END = "_renamed"
_LANGUAGE = "python"
_KEYWORDS = {
    *("if", "else", "elif", "for", "while", "return", "def", "class", "function", "func", "fn", "fun"),
    *("let", "const", "var", "val", "import", "from", "export", "public", "private", "static", "void"),
    *("int", "new", "async", "await", "try", "catch", "except", "finally", "throw", "raise", "in"),
    *("of", "not", "and", "or", "is", "None", "True", "False", "null", "true", "false", "self", "this"),
    *("pass", "break", "continue", "with", "as", "lambda", "yield", "switch", "case", "default", "do"),
    *("end", "then", "local", "mut", "struct", "enum", "type", "interface", "nil", "super", "cls"),
    *("global", "nonlocal", "del", "assert"),
}


def default_name(name: str) -> str:
    """Return the new name if the editor asks for none."""
    return f"{name}{_DEFAULT_END}"


def name_offset(document: Document, start: int, end: int) -> int:
    """Return the offset of the name that a selection means: `w` in Helix selects the blanks before a word."""
    selected = document.text[start:end]
    return start + len(selected) - len(selected.lstrip())


def name_at(document: Document, offset: int) -> str:
    """Return the name at an offset, or an empty text for an attribute, a keyword or something else."""
    text = document.text
    start = end = offset
    while start > 0 and _is_word(text[start - 1]):
        start -= 1
    while end < len(text) and _is_word(text[end]):
        end += 1
    name = text[start:end]
    is_attribute = start > 0 and text[start - 1] == "."
    return name if name.isidentifier() and name not in _KEYWORDS and not is_attribute else ""


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def rename_obstacle(document: Document, tree: SyntaxTree, offset: int) -> str:
    """Return why the name at an offset cannot be renamed, or an empty text. `tree` is that of `document`."""
    name = name_at(document, offset)
    definition = tree.definition_at(offset) if name else None
    if definition is None:
        return NO_NAME
    if document.language == _LANGUAGE:
        uses = tree.find_uses(name)
        if uses is not None and not any(use <= offset <= use + len(name) for use in uses):
            return NO_NAME  # in a string, a comment or an argument's name
        return _scope_obstacle(tree, definition, name)
    head = document.line(document.line_at(definition.start))
    return NOT_LOCAL if f"{name}(" in head.replace(" (", "(") else ""


def _scope_obstacle(tree: SyntaxTree, definition: Definition, name: str) -> str:
    """Return why a name of Python code may be visible outside of a function, or an empty text."""
    binding = find_binding(tree, definition, name)
    if binding is Binding.PARAMETER:
        return IS_PARAMETER
    return "" if binding is Binding.LOCAL else NOT_LOCAL
