"""Names that a block of JavaScript or TypeScript declares with `let` or `const`: each one only once."""

from collections import Counter

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.names_code import text_of, walk
from spark_lsp.prompts.syntax import SyntaxTree


def check_bindings(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a block of the new text declares a name again: the file would not load."""
    if change.is_deep:
        return
    new = _count_repeated(change.new_tree) - _count_repeated(change.tree)
    for name in sorted(new):
        raise refuse(
            f"declares {name!r} twice",
            Code.PROPOSAL_DUPLICATE,
            f"`{name}` is declared already. Use it, and do not declare it again.",
        )


def _count_repeated(tree: SyntaxTree) -> Counter[str]:
    """Return the names that a block declares more than once, with the number of such blocks."""
    blocks = walk(tree.root) if tree.root is not None else ()
    found: Counter[str] = Counter()
    for block in blocks:
        if block.type in ("program", "statement_block"):
            found.update(_list_repeated(block))
    return found


def _list_repeated(block: Node) -> list[str]:
    declared: Counter[str] = Counter()
    for statement in block.named_children:
        if statement.type == "export_statement":
            statement = statement.child_by_field_name("declaration") or statement
        if statement.type == "lexical_declaration":
            names = [each.child_by_field_name("name") for each in statement.named_children]
            declared.update(text_of(name) for name in names if name is not None and name.type == "identifier")
    parameters = block.parent.child_by_field_name("parameters") if block.parent is not None else None
    own = {text_of(each) for each in parameters.named_children} if parameters is not None else set[str]()
    return [name for name, count in declared.items() if count > 1 or name in own]
