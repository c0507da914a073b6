"""The documents of the server: bounded, of one session, and only for editors that request them."""

from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.errors import ArgumentError
from spark_lsp.lsp import server_documents
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.server_documents import MOST_DOCUMENTS, ServerDocuments
from tests.unit.lsp.editors import RecordingClient

pytestmark = pytest.mark.anyio


class ContentClient(RecordingClient):
    """An editor that requests the text of a server's documents; `fails` at one of the server's requests."""

    def __init__(self, *, fails: str = "", dynamic: bool = True) -> None:
        super().__init__()
        content = types.TextDocumentContentClientCapabilities(dynamic)
        workspace = types.WorkspaceClientCapabilities(text_document_content=content)
        window = types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(True))
        self.abilities = Abilities(types.ClientCapabilities(workspace=workspace, window=window))
        self.fails = fails
        self.requests: list[str] = []

    def _request(self, name: str) -> None:
        self.requests.append(name)
        if name == self.fails:
            raise JsonRpcException("no")

    async def register(self, registration: types.Registration) -> Any:
        assert registration.method == types.WORKSPACE_TEXT_DOCUMENT_CONTENT
        assert getattr(registration.register_options, "schemes", None) == ["spark-lsp"]
        self._request("register")

    async def show_document(self, params: types.ShowDocumentParams) -> Any:
        self._request("show")
        return types.ShowDocumentResult(self.fails != "silently")

    async def refresh_content(self, params: types.TextDocumentContentRefreshParams) -> Any:
        self._request("refresh")


def test_a_document_has_the_latest_text_and_a_readable_name() -> None:
    documents = ServerDocuments(ContentClient())
    uri = documents.put("edit-1", "a%20file.py.diff", "one")
    assert uri.startswith("spark-lsp:/")
    assert uri.endswith("/edit-1/a%20file.py.diff")
    assert documents.put("edit-1", "a%20file.py.diff", "two") == uri
    assert documents.read(uri) == "two"


def test_the_oldest_documents_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = ServerDocuments(ContentClient())
    uris = [documents.put(f"edit-{n}", "a.diff", str(n)) for n in range(MOST_DOCUMENTS + 1)]
    with pytest.raises(ArgumentError):
        documents.read(uris[0])
    assert [documents.read(uri) for uri in uris[1:]] == [str(n) for n in range(1, MOST_DOCUMENTS + 1)]
    monkeypatch.setattr(server_documents, "MOST_CHARACTERS", 10)
    last = documents.put("edit-x", "a.diff", "x" * 30)
    assert documents.read(last) == "x" * 30
    with pytest.raises(ArgumentError):
        documents.read(uris[-1])


@pytest.mark.parametrize(
    "uri", ["", "spark-lsp:/edit-1/a.diff", "file:///etc/passwd", "spark-lsp:/../a", "\ud800"]
)
def test_an_unknown_uri_gets_a_clear_error(uri: str) -> None:
    documents = ServerDocuments(ContentClient())
    documents.put("edit-1", "a.diff", "text")
    with pytest.raises(ArgumentError, match="does not have this document"):
        documents.read(uri)


def test_a_document_of_another_session_is_unknown() -> None:
    uri = ServerDocuments(ContentClient()).put("edit-1", "a.diff", "theirs")
    other = ServerDocuments(ContentClient())
    assert other.put("edit-1", "a.diff", "ours") != uri
    with pytest.raises(ArgumentError):
        other.read(uri)


async def test_it_registers_once_and_before_the_first_document() -> None:
    client = ContentClient()
    documents = ServerDocuments(client)
    assert documents.can_show
    uri = documents.put("edit-1", "a.diff", "text")
    assert await documents.open(uri)
    assert await documents.open(uri)
    await documents.refresh(uri)
    assert client.requests == ["register", "show", "show", "refresh"]


@pytest.mark.parametrize("fails", ["register", "show", "silently"])
async def test_an_editor_that_refuses(fails: str) -> None:
    documents = ServerDocuments(ContentClient(fails=fails))
    assert not await documents.open(documents.put("edit-1", "a.diff", "text"))


def test_other_editors_keep_their_way() -> None:
    assert not ServerDocuments(ContentClient(dynamic=False)).can_show
    assert not ServerDocuments(RecordingClient()).can_show
