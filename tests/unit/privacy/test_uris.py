"""Every path that a URI carries, and those that carry none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.privacy.uris import is_file, is_unknown, paths_in


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///w/my%20notes/a.py", "/w/my notes/a.py"),
        ("file:///w/a%2520b.py", "/w/a%20b.py"),
        ("file:///c%3A/w/a.py", "/c:/w/a.py"),
        ("file://server/share/a.py", "//server/share/a.py"),
        ("C:\\w\\a.py", "/C:/w/a.py"),
        ("vscode-notebook-cell:/w/a.ipynb#W0", "/w/a.ipynb"),
        ("fugitive:///w/.git//0/src/a.py", "/w/src/a.py"),
        ("fugitive:///w/.git/modules/m//1f/src/a.py", "/w/src/a.py"),
        ("git:/w/a.py.git?%7B%22path%22%3A%22%2Fw%2Fa.py%22%7D", "/w/a.py"),
        ("git:/c:/x?%7B%22path%22%3A%22c%3A%5C%5Cw%5C%5Ca.py%22%7D", "c:/w/a.py"),
        ("zipfile:///w/a.zip::src/a.py", "/w/a.zip"),
        ("jar:file:///w/a.jar!/b/C.java", "/w/a.jar"),
        ("untitled:Untitled-1", "Untitled-1"),
    ],
)
def test_paths(uri: str, path: str) -> None:
    assert path in paths_in(uri)
    assert not is_unknown(uri)


@pytest.mark.parametrize("uri", ["output:x", "term:///bin/sh", "vscode-scm:git/x", "unheard-of:x", "a.b:c"])
def test_what_is_no_file(uri: str) -> None:
    assert is_unknown(uri)


@given(st.text())
def test_any_text_is_taken(uri: str) -> None:
    assert isinstance(paths_in(uri), tuple)
    assert is_unknown(uri) in (True, False)
    assert is_file(uri) in (True, False)
