"""How an edit can end."""

from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.session.proposal import Proposal

WENT_WRONG = (
    "spark-lsp failed while it made this edit. The edit was aborted. Look at the text and ask again; please "
    "report it if it fails again."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an edit ended: the state of `spark/edit`, its code, and the reason in words.

    `proposal` is the model's proposal if it was refused.
    """

    state: str
    code: Code
    reason: str = ""
    proposal: Proposal | None = None


APPLIED = Outcome("applied", Code.APPLIED)
APPLIED_WITHOUT_MODEL = Outcome("applied", Code.APPLIED, "Made without a model")
FAILED = Outcome("failed", Code.INTERNAL_ERROR, WENT_WRONG)
STOPPED_BY_USER = Outcome("cancelled", Code.CANCELLED_BY_USER, "stopped by you")
REJECTED_BY_USER = Outcome("cancelled", Code.CANCELLED_BY_USER, "rejected by you")
SERVER_STOPPED = Outcome("cancelled", Code.SERVER_STOPPED, "spark-lsp stopped before the edit was made")
