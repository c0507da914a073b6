"""Removes the types from TypeScript, so that every node can run it. Pure.

Spaces replace the types; all other characters keep their places. Parts of the language that produce code
(enums, parameter properties, decorators) stay and do not run.
"""

from spark_lsp.prompts.syntax import SyntaxTree

_TYPES = {
    "type_annotation",
    "type_arguments",
    "type_parameters",
    "type_alias_declaration",
    "interface_declaration",
    "accessibility_modifier",
    "override_modifier",
    "implements_clause",
    "asserts_annotation",
    "type_predicate_annotation",
    "ambient_declaration",
    "function_signature",
}
_SUFFIXES = {"as_expression", "satisfies_expression", "non_null_expression"}
_WORDS = {"readonly", "abstract", "declare", "export"}  # `export` needs a module, which a test is not


def remove_types(text: str) -> str:
    """Return TypeScript as JavaScript. Without a syntax tree, return the text as it is."""
    root = SyntaxTree("typescript", text).root
    if root is None:
        return text
    encoded = bytearray(text.encode("utf-8", "surrogatepass"))
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type in _TYPES or (node.type in _WORDS and not node.is_named):
            _blank(encoded, node.start_byte, node.end_byte)
            continue
        if node.type in _SUFFIXES:
            _blank(encoded, node.children[0].end_byte, node.end_byte)
        if node.type == "?" and node.parent is not None and node.parent.type == "optional_parameter":
            _blank(encoded, node.start_byte, node.end_byte)
        stack += node.children
    return encoded.decode("utf-8", "surrogatepass")


def _blank(encoded: bytearray, start: int, end: int) -> None:
    for at in range(start, end):
        if encoded[at] not in b"\r\n":
            encoded[at] = 0x20
