"""Reading and writing source files."""

from pathlib import Path

import pytest

from spark_lsp.client.files import lines_of, offset_of, read_source, write_source
from spark_lsp.client.unified import unified
from spark_lsp.errors import TextError


def test_a_file_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("one\n")
    file = read_source(path)
    path.write_text("two\n")
    with pytest.raises(TextError, match="changed by someone else"):
        write_source(file, "three\n")
    assert path.read_text() == "two\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.py", tmp_path / "link.py"
    path.write_text("one\n")
    link.symlink_to(path)
    write_source(read_source(link), "two\n")
    assert link.is_symlink()
    assert path.read_text() == "two\n"


def test_lines_end_where_lsp_says(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes("a\fb\u2028c\r\nd\re".encode())
    file = read_source(path)
    assert offset_of(file, 2, 2) == 8
    assert lines_of(file, 1, 2) == (0, 8)
    with pytest.raises(TextError, match="has 3 lines"):
        offset_of(file, 4, 1)


def test_diffs_tell_of_a_missing_line_end() -> None:
    assert unified("a\nb", "a\nc", "f") == (
        "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n"
        "-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
    )
    assert unified("a\fb\n", "a\fb\n", "f") == ""
