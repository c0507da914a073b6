"""Read-only documents of the server, for editors that request their text (`workspace/textDocumentContent`).

A document has a URI of the scheme `spark-lsp`. It contains a random word, so that a tab which an editor
restores after a restart never shows a document of another session. The server keeps the latest documents in
memory, and writes no file.
"""

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote, unquote

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.errors import ArgumentError
from spark_lsp.lsp.language_client import LanguageClient

SCHEME = "spark-lsp"
MOST_DOCUMENTS = 10
MOST_CHARACTERS = 2_000_000  # of all documents; the latest one is kept even if it is longer
REGISTRATION = "spark-lsp-text-document-content"


class ServerDocuments:
    """See the module's text."""

    def __init__(self, client: LanguageClient) -> None:
        self._client = client
        self._session = secrets.token_hex(8)
        self._texts: dict[str, str] = {}  # by URI; the document changed last is the last
        self._is_registered = False

    @property
    def can_show(self) -> bool:
        """Whether the editor opens documents of a server, and requests their text from it."""
        abilities = self._client.abilities
        return abilities.shows_documents and abilities.requests_contents

    def put(self, key: str, name: str, text: str) -> str:
        """Keep a document; return its URI. `key` is the id of its job, `name` is for the user."""
        uri = f"{SCHEME}:/{self._session}/{quote(key, safe='')}/{quote(unquote(name), safe='')}"
        self._texts.pop(uri, None)
        self._texts[uri] = text
        while len(self._texts) > MOST_DOCUMENTS or self._is_too_long:
            del self._texts[next(iter(self._texts))]
        return uri

    @property
    def _is_too_long(self) -> bool:
        return len(self._texts) > 1 and sum(map(len, self._texts.values())) > MOST_CHARACTERS

    def read(self, uri: str) -> str:
        """Return the text of a document. Raises `ArgumentError` for an unknown one."""
        text = self._texts.get(uri)
        if text is None:
            raise ArgumentError(
                "spark-lsp does not have this document any more",
                "Nothing can be shown: it keeps the latest proposals and explanations of a session",
                "Close the tab, and ask again",
            )
        return text

    async def open(self, uri: str) -> bool:
        """Let the editor show a document; return whether it does."""
        if not self._is_registered:
            options = types.TextDocumentContentRegistrationOptions([SCHEME])
            method = types.WORKSPACE_TEXT_DOCUMENT_CONTENT
            self._is_registered = await _succeeds(
                lambda: self._client.register(types.Registration(REGISTRATION, method, options))
            )
        if not self._is_registered:
            return False
        params = types.ShowDocumentParams(uri, take_focus=True)
        return await _succeeds(lambda: self._client.show_document(params))

    async def refresh(self, uri: str) -> None:
        """Let the editor request the text of a document again."""
        await _succeeds(lambda: self._client.refresh_content(types.TextDocumentContentRefreshParams(uri)))


async def _succeeds(request: Callable[[], Awaitable[object]]) -> bool:
    """Send a request to the editor; return False for an error or an answer that reports a failure."""
    try:
        answer = await request()
    except JsonRpcException:
        return False
    return bool(getattr(answer, "success", True))
