"""A file that the settings exclude never reaches the gateway, whenever the settings arrive."""

import logging

import pytest

from spark_lsp.lsp.parts import Parts
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from tests.unit.lsp.editors import MirrorLink, attached_parts

pytestmark = pytest.mark.anyio
KEY, CODE = "file:///home/me/notes.txt", "file:///home/me/a.py"


@pytest.fixture
def link() -> MirrorLink:
    return MirrorLink()


@pytest.fixture
async def parts(link: MirrorLink) -> Parts:
    return attached_parts(link)


def opened(parts: Parts, uri: str) -> Document:
    document = parts.workspace.documents.open(uri, "", 1, "secret")
    assert document is not None
    parts.sync.open(document)
    return document


async def test_an_excluded_file_is_never_mirrored(parts: Parts, link: MirrorLink) -> None:
    parts.settings.apply({"context": {"exclude": ["*.txt"]}})
    for uri in (KEY, CODE):
        document = opened(parts, uri)
        parts.sync.change(document.splice(0, 0, "x", 2), [Edit(0, 0, "x")])
    assert link.calls == [("opened", CODE), ("edited", CODE)]


async def test_settings_that_arrive_later_stop_and_start_the_mirror(parts: Parts, link: MirrorLink) -> None:
    for uri in (KEY, CODE):
        opened(parts, uri)
    link.calls.clear()
    parts.settings.apply({"context": {"exclude": ["*.txt"]}})
    assert link.calls == [("closed", KEY)]
    parts.settings.apply({})
    assert link.calls == [("closed", KEY), ("opened", KEY)]


async def test_the_level_of_the_log_follows_the_settings(parts: Parts) -> None:
    logger = logging.getLogger("spark_lsp")
    before = logger.level
    try:
        parts.settings.apply({"log": {"level": "error"}})
        assert logger.level == logging.ERROR
        parts.settings.apply({})
        assert logger.level == logging.WARNING
    finally:
        logger.setLevel(before)
