"""What goes to the gateway: no document that must stay, and stars in place of secrets."""

from typing import Any

import pytest

from spark_lsp.lsp.server import SparkServer
from spark_lsp.text.edits import Edit

pytestmark = pytest.mark.anyio
URI = "file:///home/me/a.py"
SECRET = 'password = "hunter2secret"\n'


class Mirror:
    """Stands where the link to the gateway is, and holds the texts that went there."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def opened(self, document: Any) -> None:
        self.texts[document.uri] = document.text

    def edited(self, document: Any, edits: Any) -> None:
        text = self.texts[document.uri]
        for edit in edits:
            text = text[: edit.start] + edit.new + text[edit.end :]
        assert text == document.text
        self.texts[document.uri] = text

    def closed(self, uri: str) -> None:
        self.texts.pop(uri, None)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
async def server() -> Any:
    made: Any = SparkServer()
    made.engine = Mirror()
    made.completer = made.editor = Mirror()
    made._group = object()
    return made


async def test_a_secret_is_never_mirrored(server: Any) -> None:
    document = server.documents.open(URI, "python", 1, "x = 1\n")
    server.outgoing.open(document)
    for version, letter in enumerate(SECRET, 2):
        at = len(document)
        document = document.splice(at, at, letter, version)
        server.outgoing.edit(document, [Edit(at, at, letter)])
        assert "hunter2s" not in server.engine.texts[URI]
    assert server.engine.texts[URI] == 'x = 1\npassword = "*************"\n'
    assert server.outgoing.redacted(document).document.text == server.engine.texts[URI]


async def test_an_older_version_is_redacted_too(server: Any) -> None:
    document = server.documents.open(URI, "python", 1, SECRET)
    server.outgoing.open(document)
    server.outgoing.edit(document.splice(0, 0, "#", 2), [Edit(0, 0, "#")])
    assert server.outgoing.redacted(document).document.text == 'password = "*************"\n'


async def test_a_file_of_secrets_stays(server: Any) -> None:
    document = server.documents.open("file:///home/me/.env", "dotenv", 1, "A=1\n")
    server.outgoing.open(document)
    assert not server.outgoing.edit(document.splice(0, 0, "#", 2), [Edit(0, 0, "#")])
    assert server.engine.texts == {}
