"""Lets the editor apply edits: one versioned `workspace/applyEdit`, with its answer checked."""

from collections.abc import Sequence

import anyio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused, SparkError
from spark_lsp.lsp import convert
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

APPLY_TIMEOUT_SECONDS = 120.0  # for the editor to answer `workspace/applyEdit`; some ask the user first
TEXT_UNCHANGED = "The text is as it was"


class EditApplier:
    """Sends edits of the latest version that the editor has reported."""

    def __init__(self, documents: Documents, client: LanguageClient) -> None:
        self._documents = documents
        self._client = client

    async def apply(self, document: Document, edits: Sequence[Edit], label: str) -> None:
        """Apply the edits as one change of `document`.

        Raises `EditRefused` if the editor does not apply them, `SparkError` if it does not answer.
        """
        edit = convert.to_workspace_edit(
            document,
            self._documents.version_of(document),
            edits,
            self._documents.encoding,
            versioned=self._client.abilities.takes_versions,
        )
        await self.send(types.ApplyWorkspaceEditParams(edit, label))

    async def send(self, params: types.ApplyWorkspaceEditParams) -> None:
        """Let the editor apply an edit. Raises as `apply`."""
        problem = await self.request(params)
        if problem is not None:
            raise EditRefused(
                f"The editor did not apply the edit: {problem}",
                TEXT_UNCHANGED,
                "Ask again",
                code=Code.EDITOR_REFUSED,
            )

    async def request(self, params: types.ApplyWorkspaceEditParams) -> str | None:
        """Let the editor apply an edit; return its reason for not doing so, or None.

        Raises `SparkError` if it does not answer.
        """
        answer: object = None
        with anyio.move_on_after(APPLY_TIMEOUT_SECONDS) as waited:
            try:
                answer = await self._client.apply_edit(params)
            except JsonRpcException:
                return "it answered with an error"
        if waited.cancelled_caught:
            raise SparkError(
                f"The editor did not answer within {APPLY_TIMEOUT_SECONDS:g} s whether it applied the edit",
                "The text may have changed or not",
                "Look at it before you ask again",
                code=Code.EDITOR_SILENT,
            )
        if not isinstance(answer, types.ApplyWorkspaceEditResult):
            return "its answer does not say whether it applied the edit"
        return None if answer.applied else answer.failure_reason or "it has another version of the text"
