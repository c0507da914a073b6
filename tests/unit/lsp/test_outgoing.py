"""The gateway gets no withheld document, and asterisks in place of secrets."""

import pytest

from spark_lsp.lsp.parts import Parts
from spark_lsp.text.edits import Edit
from tests.unit.lsp.editors import MirrorLink, attached_parts

pytestmark = pytest.mark.anyio
URI = "file:///home/me/a.py"
SECRET = 'password = "hunter2secret"\n'


@pytest.fixture
def link() -> MirrorLink:
    return MirrorLink()


@pytest.fixture
async def parts(link: MirrorLink) -> Parts:
    return attached_parts(link)


async def test_a_secret_is_never_mirrored(parts: Parts, link: MirrorLink) -> None:
    document = parts.workspace.documents.open(URI, "python", 1, "x = 1\n")
    assert document is not None
    parts.outgoing.open(document)
    for version, letter in enumerate(SECRET, 2):
        at = len(document)
        document = document.splice(at, at, letter, version)
        parts.outgoing.change(document, [Edit(at, at, letter)])
        assert "hunter2s" not in link.texts[URI]
    assert link.texts[URI] == 'x = 1\npassword = "*************"\n'
    assert parts.outgoing.redact(document).document.text == link.texts[URI]


async def test_an_older_version_is_redacted_too(parts: Parts) -> None:
    document = parts.workspace.documents.open(URI, "python", 1, SECRET)
    assert document is not None
    parts.outgoing.open(document)
    parts.outgoing.change(document.splice(0, 0, "#", 2), [Edit(0, 0, "#")])
    assert parts.outgoing.redact(document).document.text == 'password = "*************"\n'


async def test_a_file_of_secrets_stays(parts: Parts, link: MirrorLink) -> None:
    document = parts.workspace.documents.open("file:///home/me/.env", "dotenv", 1, "A=1\n")
    assert document is not None
    parts.outgoing.open(document)
    assert not parts.outgoing.change(document.splice(0, 0, "#", 2), [Edit(0, 0, "#")])
    assert link.texts == {}
