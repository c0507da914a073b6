"""Files beside an open document: ghost text copies from them, never from one that must stay."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import private_home
from tests.e2e.pipe import Pipe

CONFIG = (
    '[engines.slow]\nkind = "replay"\ntext = "said.txt"\ndelay_ms = {}\n[routes]\ncompletion = ["slow"]\n'
)
HOUR_MS = 3_600_000
SAID = "said_by_the_engine()"
FUNCTION = """\
def load_{name}(path: Path, strict: bool) -> {title}:
    with path.open("r", encoding="utf-8") as stream:
        return parse_{name}(stream.read(), strict=strict)
"""
KEY = 'api_key = "sk_live_4f9a8b7c6d5e4f3a2b1c0d9e"\n'


class Desk:
    """A person with an open folder, and the real gateway of this machine."""

    def __init__(self, folder: Path, editor: Pipe) -> None:
        self.folder, self.editor = folder, editor
        self.numbers = itertools.count(1)

    def write(self, path: str, name: str, extra: str = "") -> Path:
        """Write a file with one function; the last one that is written is the newest."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FUNCTION.format(name=name, title=name.title()) + extra, "utf-8")
        os.utime(file, (next(self.numbers), 1_700_000_000 + next(self.numbers)))
        return file

    def ask(self, name: str, uri: str) -> str:
        """Type the beginning of a function in a new text of a document; return its first suggestion."""
        head, first, _ = FUNCTION.format(name=name, title=name.title()).splitlines()
        text = f"# version {next(self.numbers)}\n{head}\n    "
        self.editor.change(next(self.numbers), {"text": text}, uri=uri)
        found = self.editor.items(f"ask {next(self.numbers)}", line=2, character=4, uri=uri)
        texts = [each["insertText"] for each in found]
        assert texts in ([first.strip()], [SAID])
        return texts[0]

    def open(self, path: str) -> str:
        uri = (self.folder / path).as_uri()
        self.editor.open("import os\n", uri)
        return uri


@pytest.fixture
def delay_ms() -> int:
    """The time until the engine's first text."""
    return 300


@pytest.fixture
def desk(tmp_path: Path, delay_ms: int) -> Iterator[Desk]:
    folder = tmp_path / "project"
    folder.mkdir()
    with private_home(tmp_path) as home:
        place = tmp_path / "config" / "spark-lsp"
        (place / "said.txt").write_text(SAID)
        (place / "config.toml").write_text(CONFIG.format(delay_ms))
        editor = Pipe(home, tmp_path / "server.log")
        root = folder.as_uri()
        spark = {"completion": {"maxLines": 1}, "context": {"exclude": ["**/private_*"]}}
        editor.initialize(
            rootUri=root,
            workspaceFolders=[{"uri": root, "name": "project"}],
            initializationOptions={"spark": spark},
        )
        editor.engine()
        yield Desk(folder, editor)
        editor.close()


def test_ghost_text_copies_from_files_beside_the_document(desk: Desk) -> None:
    desk.write("shop.py", "shop")
    uri = desk.open("main.py")
    desk.editor.until(lambda: desk.ask("shop", uri).startswith("with path"))


@pytest.mark.parametrize("delay_ms", [HOUR_MS])
def test_a_request_in_a_file_just_opened_is_answered_when_its_folder_was_read(desk: Desk) -> None:
    desk.write("shop.py", "shop")
    uri = desk.open("main.py")
    assert desk.ask("shop", uri).startswith("with path")


def test_files_that_must_stay_are_no_source(desk: Desk) -> None:
    desk.write("shop.py", "shop")
    desk.write("keys.py", "keys", KEY)
    desk.write("private_data.py", "private")
    desk.write("other/far.py", "far")
    desk.write("notes.txt", "notes")
    outside = desk.folder.parent / "outside.py"
    outside.write_text(FUNCTION.format(name="outside", title="Outside"))
    (desk.folder / "link.py").symlink_to(outside)
    (desk.folder / "loop.py").symlink_to(desk.folder / "loop.py")
    (desk.folder / "binary.py").write_bytes(b"\0\xff")
    uri = desk.open("main.py")
    desk.editor.until(lambda: desk.ask("shop", uri) != SAID)  # the oldest of them: all others came before
    for name in ("keys", "private", "far", "notes", "outside"):
        assert desk.ask(name, uri) == SAID


def test_an_open_document_replaces_its_file(desk: Desk) -> None:
    desk.write("shop.py", "shop")
    uri = desk.open("main.py")
    desk.editor.until(lambda: desk.ask("shop", uri) != SAID)
    desk.open("shop.py")  # its unsaved text has no function
    desk.editor.until(lambda: desk.ask("shop", uri) == SAID)


def test_without_drafts_no_file_is_a_source(desk: Desk) -> None:
    desk.write("shop.py", "shop")
    uri = desk.open("main.py")
    desk.editor.until(lambda: desk.ask("shop", uri) != SAID)
    params = {"settings": {"spark": {"completion": {"instant": False}}}}
    desk.editor.send(method="workspace/didChangeConfiguration", params=params)
    desk.editor.until(lambda: desk.ask("shop", uri) == SAID)
    params["settings"]["spark"]["completion"]["instant"] = True
    desk.editor.send(method="workspace/didChangeConfiguration", params=params)
    desk.editor.until(lambda: desk.ask("shop", uri) != SAID)
