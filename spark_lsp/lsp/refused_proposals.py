"""Offers to show a refused proposal, in editors that cannot show a preview.

The message about the refusal then has the action "Show it". It opens the proposal as a difference: in a
read-only document of the server if the editor requests their text, or else in a file that only the user can
read. The file is replaced by the next one.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.errors import SparkError
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.server_documents import ServerDocuments
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.lines import LINE_END

SHOW = "Show it"
FILE_NAME = "proposal.diff"


class RefusedProposals:
    """Asks the user, and opens the file."""

    def __init__(self, client: LanguageClient, documents: ServerDocuments) -> None:
        self._client = client
        self._documents = documents

    @property
    def can_offer(self) -> bool:
        """Whether the editor can ask the question and open a file, and shows no previews."""
        abilities = self._client.abilities
        return abilities.shows_questions and abilities.shows_documents and not self._client.shows_previews

    async def offer(self, edit_id: str, document: Document, edits: Sequence[Edit], reason: str) -> None:
        """Show the reason for a refusal, and the proposal if the user wants to see it."""
        action = types.MessageActionItem(SHOW)
        params = types.ShowMessageRequestParams(types.MessageType.Warning, reason, [action])
        try:
            answer: object = await self._client.request_choice(params)
            if getattr(answer, "title", None) != SHOW:
                return
            text = await run_in_thread(format_proposal, document, edits, reason)
            if not await self._open(edit_id, document, text):
                path = await run_in_thread(_write, text)
                await self._client.show_document(types.ShowDocumentParams(path.as_uri(), take_focus=True))
        except (JsonRpcException, SparkError, OSError):
            return  # the editor has shown the reason, or its log has it

    async def _open(self, edit_id: str, document: Document, text: str) -> bool:
        """Open the proposal as a document of the server; return False if the editor does not show it."""
        if not self._documents.can_show:
            return False
        name = f"{document.uri.rpartition('/')[2]}.diff"
        return await self._documents.open(self._documents.put(edit_id, name, text))


def format_proposal(document: Document, edits: Sequence[Edit], reason: str) -> str:
    """Return a proposal as a unified difference, after the reason for its refusal."""
    name = document.uri.rpartition("/")[2]
    new = apply_edits(document.text, edits)
    old_lines, new_lines = LINE_END.split(document.text), LINE_END.split(new)
    lines = difflib.unified_diff(old_lines, new_lines, name, f"{name} (not applied)", lineterm="")
    return "\n".join([f"# {reason}", *lines, ""])


def _write(text: str) -> Path:
    from spark_lsp import runtime

    path = runtime.directory() / FILE_NAME
    runtime.write_private(path, text)
    return path
