"""A refused proposal in an editor without previews: "Show it" opens the difference."""

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.refused_proposals import RefusedProposals, format_proposal
from spark_lsp.lsp.server_documents import ServerDocuments
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from tests.unit.lsp.editors import RecordingClient

pytestmark = pytest.mark.anyio
DOCUMENT = Document("file:///w/a.py", "a = 1\r\nb = 2\r\n", 1, "python")
EDITS = [Edit(4, 5, "9")]
REASON = "The proposal changed other code"


class AskedClient(RecordingClient):
    """An editor whose user chooses `choice`."""

    def __init__(self, choice: str | None, *, can_ask: bool = True, can_show: bool = True) -> None:
        super().__init__()
        window = types.WindowClientCapabilities(
            show_message=types.ShowMessageRequestClientCapabilities() if can_ask else None,
            show_document=types.ShowDocumentClientCapabilities(can_show),
        )
        self.abilities = Abilities(types.ClientCapabilities(window=window))
        self.choice = choice
        self.asked: list[types.ShowMessageRequestParams] = []
        self.opened: list[str] = []

    async def request_choice(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        self.asked.append(params)
        return types.MessageActionItem(self.choice) if self.choice else None

    async def show_document(self, params: types.ShowDocumentParams) -> Any:
        self.opened.append(params.uri)


def test_the_difference_has_the_reason_and_the_lines() -> None:
    assert format_proposal(DOCUMENT, EDITS, REASON).splitlines() == [
        f"# {REASON}",
        "--- a.py",
        "+++ a.py (not applied)",
        "@@ -1,3 +1,3 @@",
        "-a = 1",
        "+a = 9",
        " b = 2",
        " ",
    ]


async def test_the_user_sees_it_in_a_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(tmp_path))
    client = AskedClient("Show it")
    await RefusedProposals(client, ServerDocuments(client)).offer("edit-1", DOCUMENT, EDITS, REASON)
    assert [params.message for params in client.asked] == [REASON]
    (file,) = tmp_path.iterdir()
    assert client.opened == [file.as_uri()]
    assert "+a = 9" in file.read_text("utf-8")
    assert file.stat().st_mode & 0o077 == 0


async def test_without_the_users_wish_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(tmp_path))
    client = AskedClient(None)
    await RefusedProposals(client, ServerDocuments(client)).offer("edit-1", DOCUMENT, EDITS, REASON)
    assert client.opened == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("can_ask", "can_show", "previews", "expected"),
    [
        (True, True, False, True),
        (False, True, False, False),
        (True, False, False, False),
        (True, True, True, False),
    ],
)
def test_it_is_offered_only_where_it_can_be_shown(
    can_ask: bool, can_show: bool, previews: bool, expected: bool
) -> None:
    client = AskedClient(None, can_ask=can_ask, can_show=can_show)
    client.shows_previews = previews
    assert RefusedProposals(client, ServerDocuments(client)).can_offer is expected
