"""Whether the changed document still parses; without a grammar, whether its brackets still close."""

from collections.abc import Sequence
from itertools import pairwise

from tree_sitter import Node

from spark_lsp.codes import Code
from spark_lsp.prompts.blocks import INDENTED_LANGUAGES
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse
from spark_lsp.prompts.names_code import walk
from spark_lsp.prompts.shaping.brackets import Nesting, read_tokens
from spark_lsp.prompts.shaping.lexical import find_family
from spark_lsp.prompts.syntax import MAX_PARSED_CHARS, SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

_MAX_SHOWN_CHARS = 40  # of the code in an objection


def check_parses(document: Document, tree: SyntaxTree, edits: Sequence[Edit]) -> SyntaxTree:
    """Return the tree of the edited text. Raise `ProposalRefused` if it has more errors than the text had."""
    change = ProposedChange("", document, tree, 0, len(document.text), edits)
    check_syntax(change)
    return change.new_tree


def check_syntax(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the new text has more errors than the old one."""
    old_errors, new_errors = change.tree.count_errors(), change.new_tree.count_errors()
    if old_errors is None or new_errors is None:
        _check_brackets(change)
    elif new_errors > old_errors:
        raise _make_refusal(_describe_error(change))
    elif change.language in INDENTED_LANGUAGES:
        _check_indentation(change)


def _make_refusal(where: str) -> ProposalRefused:
    objection = f"Your code does not parse: {where}. Write the complete code again without this error."
    return refuse("does not parse", Code.PROPOSAL_DOES_NOT_PARSE, objection)


def _describe_error(change: ProposedChange) -> str:
    """Return the place of the first error in the new text, by lines of the answer, in the parser's words."""
    root = change.new_tree.root
    assert root is not None, "a text whose errors are counted has a tree"
    errors = [node for node in walk(root) if node.type == "ERROR" or node.is_missing]
    inside = [node for node in errors if change.new_tree.offset_of(node.end_byte) >= change.start]
    if not inside:
        return "a bracket or a quote is not closed"
    first = inside[0]
    offset = max(change.new_tree.offset_of(first.start_byte), change.start)
    number = change.new_text.count("\n", change.start, offset) + 1
    return f"line {number}: {_describe_node(first)}"


def _describe_node(node: Node) -> str:
    if node.is_missing:
        return f"`{node.type}` is missing"
    text = (node.text or b"").decode("utf-8", "replace").strip().split("\n")[0]
    return f"unexpected `{text[:_MAX_SHOWN_CHARS]}`" if text else "unexpected end"


def _check_indentation(change: ProposedChange) -> None:
    """Compare the statements whose indentation differs from that of their block: the grammar accepts them."""
    new = _list_misaligned(change.new_tree)
    if len(new) <= len(_list_misaligned(change.tree)):
        return
    inside = [node for node in new if change.new_tree.offset_of(node.start_byte) >= change.start]
    offset = change.new_tree.offset_of(inside[0].start_byte) if inside else change.new_end
    number = change.new_text.count("\n", change.start, offset) + 1
    raise _make_refusal(f"line {number}: unexpected indentation")


def _list_misaligned(tree: SyntaxTree) -> list[Node]:
    """Return the statements that begin a line in another column than the first one of their block."""
    found: list[Node] = []
    for block in walk(tree.root) if tree.root is not None else ():
        if block.type not in ("block", "module"):
            continue
        statements = [node for node in block.named_children if node.type != "comment"]
        for before, node in pairwise(statements):
            begins_line = node.start_point.row > before.end_point.row
            if begins_line and node.start_point.column != statements[0].start_point.column:
                found.append(node)
    return found


def _check_brackets(change: ProposedChange) -> None:
    """Compare the brackets that stay open or close nothing, where the rules of the language are known."""
    family = find_family(change.language)
    if family.is_loose or not family.literals or len(change.document.text) > MAX_PARSED_CHARS:
        return
    # The rules are approximate: a text that they misread proves nothing.
    if not _count_unbalanced(change, change.document.text) and _count_unbalanced(change, change.new_text):
        raise _make_refusal("a bracket or a quote is not closed, or closes nothing")


def _count_unbalanced(change: ProposedChange, text: str) -> int:
    nesting = Nesting(find_family(change.language))
    tokens = read_tokens(nesting, text, 0, len(text))
    excess = sum(token.kind in ("excess", "broken") or token.inner > 0 for token in tokens)
    return excess + sum(opening.closer != "\n" for opening in nesting.stack)
