"""Files beside a document are read through the fence, whole or not at all, and no folder is listed."""

import os
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.lsp.beside import source_files
from spark_lsp.lsp.beside.source_files import Search, SourceFiles, find_stamp, read_unchanged
from spark_lsp.text.document import Document
from tests.unit.lsp.editors import recording_parts

SECRET = "sk_live_4f9a8b7c6d5e4f3a2b1c0d9e"


@pytest.fixture
def parts() -> Any:
    return recording_parts()[0]


@pytest.fixture
def files(parts: Any) -> SourceFiles:
    return SourceFiles(parts.exclusion)


def names(files: SourceFiles, file: Path, root: Path) -> list[str]:
    """Return the names in the outline of a file; empty if it was not read."""
    outline = files.outline_file(str(file), [str(root)])
    return [symbol.name for symbol in outline.symbols] if outline is not None else []


def write(file: Path, text: str = "def shown(): pass\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def test_a_file_is_read_again_only_after_a_change(files: SourceFiles, tmp_path: Path) -> None:
    file = write(tmp_path / "a.py")
    first = files.outline_file(str(file), [str(tmp_path)])
    assert first is not None
    assert files.outline_file(str(file), [str(tmp_path)]) is first
    write(file, "def other(): pass\n")
    os.utime(file, ns=(1, 1))
    assert names(files, file, tmp_path) == ["other"]
    file.unlink()
    assert names(files, file, tmp_path) == []


@pytest.mark.parametrize("name", [".env.py", "build/a.py", "excluded.py", "project.py", "id_rsa.d/.ssh/x.py"])
def test_the_fence_is_that_of_documents(parts: Any, files: SourceFiles, tmp_path: Path, name: str) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / ".gitignore", "build/\n")
    write(tmp_path / ".spark.toml", 'exclude = ["project.py"]\n')
    parts.settings.apply({"context": {"exclude": ["excluded.py"]}})
    file = write(tmp_path / name)
    assert parts.exclusion.find_reason(file.as_uri()) is not None
    assert names(files, file, tmp_path) == []
    assert names(files, write(tmp_path / "control.py"), tmp_path) == ["shown"]


def test_links_lead_nowhere_else(files: SourceFiles, tmp_path: Path) -> None:
    root = tmp_path / "project"
    outside = write(tmp_path / "outside.py")
    inside = write(root / "inside.py")
    (root / "out.py").symlink_to(outside)
    (root / "in.py").symlink_to(inside)
    (root / "loop.py").symlink_to(root / "loop.py")
    (root / "folder").symlink_to(tmp_path)
    (tmp_path / "door").symlink_to(root)
    assert names(files, root / "out.py", root) == []
    assert names(files, root / "folder" / "outside.py", root) == []
    assert names(files, root / "loop.py", root) == []
    assert names(files, outside, root) == []
    assert names(files, root / "in.py", root) == ["shown"]
    assert names(files, tmp_path / "door" / "inside.py", tmp_path / "door") == ["shown"]


def test_a_secret_is_asterisks_before_anything_else(files: SourceFiles, tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", f'API_KEY = "{SECRET}"\n')
    outline = files.outline_file(str(file), [str(tmp_path)])
    assert outline is not None
    assert outline.symbols[0].text == f'API_KEY = "{"*" * len(SECRET)}"'


def test_only_texts_of_a_usable_size(files: SourceFiles, tmp_path: Path) -> None:
    write(tmp_path / "large.py", "x = 1\n" * source_files.MAX_BYTES)
    (tmp_path / "binary.py").write_bytes(b"x = 1\0\n")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\n")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    for name in ("large.py", "binary.py", "latin.py", "folder.py", "pipe.py", "missing.py", "text.txt"):
        assert names(files, tmp_path / name, tmp_path) == []
    (tmp_path / "bom.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert names(files, tmp_path / "bom.py", tmp_path) == ["x"]


def test_a_file_that_changes_while_it_is_read_is_not_used(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py")
    stamp = find_stamp(str(file))
    assert stamp is not None
    assert read_unchanged(str(file), stamp) == "def shown(): pass\n"
    write(file, "def half(): pass\n")
    assert read_unchanged(str(file), stamp) is None
    file.unlink()
    os.mkfifo(file)
    assert read_unchanged(str(file), stamp) is None


def test_no_folder_is_listed(files: SourceFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a folder was listed")

    write(tmp_path / "lib" / "a.py")
    for name in ("scandir", "listdir", "walk"):
        monkeypatch.setattr(os, name, refuse)
    search = Search(files, {}, (str(tmp_path),))
    found = search.find("lib.a", str(tmp_path / "main.py"), "python")
    assert found is not None
    assert [symbol.name for symbol in found.symbols] == ["shown"]


def test_open_documents_come_first(files: SourceFiles, tmp_path: Path) -> None:
    file = write(tmp_path / "a.py")
    document = Document(file.as_uri(), "def typed(): pass\n", 3, "python")
    search = Search(files, {str(file): document}, (str(tmp_path),))
    found = search.find("a", str(tmp_path / "main.py"), "python")
    assert found is not None
    assert found.is_open
    assert [symbol.name for symbol in found.symbols] == ["typed"]
    assert search.find("a", str(tmp_path / "main.py"), "python") is found


def test_few_files_are_read_for_one_document(files: SourceFiles, tmp_path: Path) -> None:
    for number in range(source_files.MAX_FILES + 5):
        write(tmp_path / f"m{number}.py")
    search = Search(files, {}, (str(tmp_path),))
    found = [
        search.find(f"m{n}", str(tmp_path / "main.py"), "python") for n in range(source_files.MAX_FILES + 5)
    ]
    assert sum(each is not None for each in found) == source_files.MAX_FILES


def test_without_a_folder_nothing_is_read(files: SourceFiles, tmp_path: Path) -> None:
    write(tmp_path / "a.py")
    assert Search(files, {}, ()).find("a", str(tmp_path / "main.py"), "python") is None
