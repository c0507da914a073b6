"""A proposed change of a document: what the checks read, each part computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from spark_lsp.prompts.checks.translation import translate_words
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.names_scopes import is_deep
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits


@dataclass(frozen=True)
class ProposedChange:
    """The edits that an answer proposes for the target `[start, end)` of a document.

    `action` is the code action's name; `tree` is that of the document without the edits.
    """

    action: str
    document: Document
    tree: SyntaxTree
    start: int
    end: int
    edits: Sequence[Edit]
    instruction: str = ""
    diagnostics: Sequence[Diagnostic] = ()

    @property
    def language(self) -> str:
        """The document's language, as LSP names it."""
        return self.document.language

    @cached_property
    def new_text(self) -> str:
        """The document's text after the edits."""
        return apply_edits(self.document.text, self.edits)

    @cached_property
    def new_tree(self) -> SyntaxTree:
        """The tree of the new text."""
        return SyntaxTree(self.language, self.new_text)

    @cached_property
    def old_target(self) -> str:
        """The text that the action may change."""
        return self.document.text[self.start : self.end]

    @property
    def new_end(self) -> int:
        """The end of the target in the new text."""
        return self.end + len(self.new_text) - len(self.document.text)

    @cached_property
    def new_target(self) -> str:
        """The new text of the target."""
        return self.new_text[self.start : self.new_end]

    @cached_property
    def is_deep(self) -> bool:
        """Whether a tree is too deep for checks that look up the parents of nodes."""
        return any(tree.root is not None and is_deep(tree.root) for tree in (self.tree, self.new_tree))

    @cached_property
    def instruction_words(self) -> str:
        """The instruction, with English words for those of another human language that the checks know."""
        return f"{self.instruction} {translate_words(self.instruction)}".strip()

    @property
    def request_words(self) -> str:
        """The words of the instruction, and the messages of the diagnostics."""
        return " ".join((self.instruction_words, *(each.message for each in self.diagnostics)))
