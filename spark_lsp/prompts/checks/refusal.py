"""The refusal of a proposal: its text for the user, its code, and the reason in words for the model."""

from collections.abc import Sequence

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.text.edits import Edit


class ProposalRefused(EditRefused):
    """A proposal failed a check; the document is unchanged.

    `event` is the first part of the message, without the effect. `objection` is the reason for the model: it
    may hold the model's own code, so it never reaches a log or a message. `edits` are the refused ones if the
    answer could be read.
    """

    code = Code.PROPOSAL_REJECTED

    def __init__(
        self,
        what: str,
        *,
        code: Code = Code.PROPOSAL_REJECTED,
        event: str = "",
        objection: str = "",
        meaning: str = "Nothing was changed",
        remedy: str = "Try again, or change the instruction",
    ) -> None:
        super().__init__(what, meaning, remedy, code=code)
        self.event = event or what
        self.objection = objection
        self.edits: tuple[Edit, ...] = ()

    def with_edits(self, edits: Sequence[Edit]) -> "ProposalRefused":
        """Keep the refused edits with the refusal."""
        self.edits = tuple(edits)
        return self


def refuse(what: str, code: Code, objection: str) -> ProposalRefused:
    """Return the refusal of a proposal; `what` completes "the proposal …"."""
    event = f"The proposal {what}"
    return ProposalRefused(f"{event}; not applied", code=code, event=event, objection=objection)
