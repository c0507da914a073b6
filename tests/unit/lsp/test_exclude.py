"""A file that the settings exclude never reaches the gateway, whenever the settings come."""

import logging
from typing import Any

import pytest

from spark_lsp.lsp import settings
from spark_lsp.lsp.server import SparkServer
from spark_lsp.text.edits import Edit

pytestmark = pytest.mark.anyio
KEY, CODE = "file:///home/me/notes.txt", "file:///home/me/a.py"


class Listener:
    """Stands where the link to the gateway is, and remembers what would have gone there."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def opened(self, document: Any) -> None:
        self.heard.append(("opened", document.uri))

    def edited(self, document: Any, edits: Any) -> None:
        self.heard.append(("edited", document.uri))

    def closed(self, uri: str) -> None:
        self.heard.append(("closed", uri))

    def changed(self, *_: Any) -> None: ...

    def rest(self, *_: Any) -> None: ...

    def configure(self, *_: Any) -> None: ...


@pytest.fixture
async def server() -> SparkServer:
    made: Any = SparkServer()
    made.engine, made.completer, made.editor = Listener(), Listener(), Listener()
    made._group = object()
    return made


async def test_an_excluded_file_is_never_mirrored(server: Any) -> None:
    settings.take(server, {"context": {"exclude": ["*.txt"]}})
    for uri in (KEY, CODE):
        document = server.documents.open(uri, "", 1, "secret")
        server.outgoing.open(document)
        server.mirror_edit(document.splice(0, 0, "x", 2), [Edit(0, 0, "x")])
    assert server.engine.heard == [("opened", CODE), ("edited", CODE)]


async def test_settings_that_come_later_take_it_back_and_give_it_again(server: Any) -> None:
    for uri in (KEY, CODE):
        server.outgoing.open(server.documents.open(uri, "", 1, "secret"))
    server.engine.heard.clear()
    settings.take(server, {"context": {"exclude": ["*.txt"]}})
    assert server.engine.heard == [("closed", KEY)]
    settings.take(server, {})
    assert server.engine.heard == [("closed", KEY), ("opened", KEY)]


async def test_the_level_of_the_log_follows_the_settings(server: Any) -> None:
    logger = logging.getLogger("spark_lsp")
    before = logger.level
    try:
        settings.take(server, {"log": {"level": "error"}})
        assert logger.level == logging.ERROR
        settings.take(server, {})
        assert logger.level == logging.WARNING
    finally:
        logger.setLevel(before)
