"""A replay that continues a file: where a cursor is in another version of the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.continuation import find_continuation

FILE = "def f(a):\n    total = a\n    return total\n\n\ndef g(b):\n    total = b\n    return total\n"


@given(st.integers(0, len(FILE)))
def test_in_its_own_file_each_cursor_is_found(at: int) -> None:
    assert find_continuation(FILE, FILE[:at]) == FILE[at:]


@pytest.mark.parametrize(
    ("prefix", "rest"),
    [
        ("def f(a):\n    other = a\n    ret", "urn total\n\n\n"),  # the lines above it differ
        ("def f(a):\n    total = a\n    x", "eturn total\n\n"),  # the cursor's line differs
        ("def f(a):\n    total = a\n    return another_total", "\n\n\ndef g"),
        ("def f(a):\n    total = a\n  ", "  return total\n"),
        ("def g(b):\n    total = b\n", "    return total\n"),
        ("nothing of it\n", ""),
        ("", "def f(a):\n"),
        (FILE, ""),
    ],
)
def test_a_cursor_is_found_by_the_lines_before_it(prefix: str, rest: str) -> None:
    found = find_continuation(FILE, prefix)
    assert found.startswith(rest)
    assert bool(found) == bool(rest)
