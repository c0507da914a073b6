"""window/workDoneProgress/cancel: the person stops a job."""

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.WorkDoneProgressCancelParams) -> None:
    """Stop the job with that token."""
    ls.cancel_progress(params.token)
