"""Unused imports are removed by the messages of each linter, and only if nothing uses them."""

import pytest

from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.unused_import import unused_import_edits
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits


def result(text: str, marked: str, message: str, code: str = "") -> str | None:
    document = Document("file:///a.py", text, language="python")
    start = text.index(marked)
    edits = unused_import_edits(document, SyntaxTree.of(document), start, start + len(marked), message, code)
    return None if edits is None else apply_edits(text, edits)


@pytest.mark.parametrize(
    ("text", "marked", "message", "code", "expected"),
    [
        ("import os\nimport sys\n", "os", "`os` imported but unused", "F401", "import sys\n"),
        ("import os\r\nx = 1\r\n", "import os", "'os' imported but unused", "", "x = 1\r\n"),
        ("import os", "os", 'Import "os" is not accessed', "", ""),
        ("import a.b as c, d\nd()\n", "import", "'a.b as c' imported but unused", "", "import d\nd()\n"),
        ("from a import b, c\nb()\n", "from", "'a.c' imported but unused", "", "from a import b\nb()\n"),
        ("from a import b, c\nc()\n", "b,", '"b" is not accessed', "", "from a import c\nc()\n"),
        ("from a import b as é\n", "é", '"é" is not accessed', "", ""),
        (
            "from a import (\n    b,\n    c,\n    d,\n)\nb(c)\n",
            "d",
            "`a.d` imported but unused",
            "F401",
            "from a import (\n    b,\n    c,\n)\nb(c)\n",
        ),
        ("import os\n\nimport re\nre\n", "import os", "Unused import os", "W0611", "\nimport re\nre\n"),
        ("from a import b, c\nc\n", "from", "Unused b imported from a", "", "from a import c\nc\n"),
    ],
)
def test_the_import_is_removed(text: str, marked: str, message: str, code: str, expected: str) -> None:
    assert result(text, marked, message, code) == expected


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("import os\nos.getcwd()\n", "os", "`os` imported but unused"),
        ("import os\n__all__ = ['os']\n", "os", "`os` imported but unused"),
        ("import os  # noqa: needed\n", "os", "`os` imported but unused"),
        ("import os; x = 1\n", "os", "`os` imported but unused"),
        ("if x:\n    import os\n", "os", "`os` imported but unused"),
        ("def f(os):\n    pass\n", "os", '"os" is not accessed'),
        ("from a import b, c\n", "from", "something imported but unused"),
        ("import os\n", "os", "undefined name 'os'"),
        ("from a import *\n", "from", "'a.*' imported but unused"),
    ],
)
def test_all_others_are_left_to_the_model(text: str, marked: str, message: str) -> None:
    assert result(text, marked, message) is None
