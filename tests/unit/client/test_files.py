"""Reading and writing source files."""

import os
from pathlib import Path

import pytest

from spark_lsp.client.files import lines_of, offset_of, read_source, write_source
from spark_lsp.client.unified import unified
from spark_lsp.errors import TextError
from spark_lsp.session.documents import MAX_CHARS


def test_a_file_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("one\n")
    file = read_source(path)
    path.write_text("two\n")
    with pytest.raises(TextError, match="changed by another program"):
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


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_what_is_no_file_on_a_disk_is_refused_at_once(tmp_path: Path) -> None:
    loop, pipe = tmp_path / "loop.py", tmp_path / "pipe.py"
    loop.symlink_to(loop)
    os.mkfifo(pipe)  # reading it would wait for a writer for ever
    for name in (loop, pipe, tmp_path, Path("/dev/zero")):
        with pytest.raises(TextError, match=r"cannot be read|not a regular file"):
            read_source(name)


def test_a_file_too_large_to_be_used_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x" * MAX_CHARS)
    assert len(read_source(path).text) == MAX_CHARS
    path.write_text("x" * (MAX_CHARS + 1))
    with pytest.raises(TextError, match="larger than a million characters"):
        read_source(path)
    os.truncate(path, 1 << 40)  # a terabyte, with nothing in it
    with pytest.raises(TextError, match="larger than a million characters"):
        read_source(path)
