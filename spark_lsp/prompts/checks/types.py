"""Type annotations: the code without its types stays as it was, in Python and TypeScript."""

from collections.abc import Iterator

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import text_of
from spark_lsp.prompts.syntax import SyntaxTree

_TYPES = frozenset(
    {
        *("type", "type_annotation", "type_parameters", "type_parameter", "type_arguments"),
        *("type_alias_statement", "type_alias_declaration", "interface_declaration", "type_predicate"),
        *("asserts_annotation", "type_predicate_annotation", "accessibility_modifier", "readonly"),
    }
)
_MARKS = frozenset((":", "->", "?"))  # of the parts in which they belong to a type
_TYPED = frozenset(
    {
        *("typed_parameter", "typed_default_parameter", "function_definition", "assignment"),
        *("optional_parameter", "required_parameter"),
    }
)
_MODULES = ("typing", "typing_extensions", "collections.abc", "__future__", "types")


def check_types(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the code without its annotations has changed. Other languages: no check."""
    old, new = list_untyped_tokens(change.tree), list_untyped_tokens(change.new_tree)
    if old is not None and old != new:
        raise refuse(
            "changed code, not only types",
            Code.PROPOSAL_CHANGES_CODE,
            "Your answer changes more than the types. Add only annotations and keep all other code.",
        )


def list_untyped_tokens(tree: SyntaxTree) -> list[str] | None:
    """Return the tokens of a file without its types, comments included; None without a tree."""
    return None if tree.root is None else list(_walk_untyped(tree.root))


def _walk_untyped(root: Node) -> Iterator[str]:
    stack = [root]
    while stack:
        node = stack.pop()
        if _is_type(node):
            continue
        if node.children and node.type != "string":
            stack.extend(reversed(node.children))
        else:
            yield text_of(node)


def _is_type(node: Node) -> bool:
    """Tell whether a node is there for types alone."""
    parent = node.parent
    if node.type in _TYPES:
        return True
    if node.type in ("import_from_statement", "future_import_statement"):
        module = node.child_by_field_name("module_name")
        return node.type == "future_import_statement" or (module is not None and text_of(module) in _MODULES)
    if node.type == "import_statement":  # `import type` of TypeScript
        return len(node.children) > 1 and node.children[1].type == "type"
    if node.type == "expression_statement":  # `x: int` without a value
        inner = node.named_children[0] if len(node.named_children) == 1 else None
        return inner is not None and inner.type == "assignment" and inner.child_by_field_name("right") is None
    if parent is None or parent.type not in _TYPED or node.type not in _MARKS:
        return False
    if parent.type == "function_definition":
        return node.type == "->"
    return True
