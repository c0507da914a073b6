"""A proposal that spark-lsp did not apply, kept so that the editor can show it to the user."""

from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.text.edits import Edit


@dataclass(frozen=True, slots=True)
class Proposal:
    """A refused proposal of a model.

    `edits` refer to the document's text when the edit was requested; they are empty if the answer holds no
    readable code. `reason` is the refusal in words, `code` the same for programs.
    """

    edits: tuple[Edit, ...]
    reason: str
    code: Code
