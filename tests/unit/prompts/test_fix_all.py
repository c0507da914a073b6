"""All fixes without a model, as one change."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.fix_all import fix_all_edits, list_fixable
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

TEXT = '''"""Doc."""

import re
import sys, json
from os import path, sep


def here():
    os.getcwd()
    np.zeros(os.cpu_count())
    return sep
'''


def found(text: str, name: str, message: str, code: str = "") -> list[Diagnostic]:
    return [
        Diagnostic(*match.span(), message.format(name), code) for match in re.finditer(rf"\b{name}\b", text)
    ]


def fixed(text: str, *diagnostics: Diagnostic) -> str:
    document = Document("file:///a.py", text, language="python")
    return apply_edits(text, fix_all_edits(document, SyntaxTree.of(document), diagnostics))


UNUSED = [
    *(
        each
        for name in ("re", "sys", "json")
        for each in found(TEXT, name, "`{}` imported but unused", "F401")
    ),
    *found(TEXT, "path", "`os.{}` imported but unused", "F401"),
]
MISSING = [each for name in ("os", "np") for each in found(TEXT, name, "undefined name '{}'", "F821")]


def test_all_imports_of_a_file_are_put_right_at_once() -> None:
    new = fixed(TEXT, *UNUSED, *MISSING)
    head, body = new.split("\n\n\n")
    assert set(head.splitlines()) == {
        '"""Doc."""',
        "",
        "from os import sep",
        "import os",
        "import numpy as np",
    }
    assert head.count("import os\n") <= 1
    assert body == TEXT.split("\n\n\n")[1]


def test_other_diagnostics_stay() -> None:
    line = Diagnostic(0, 3, "line too long", "E501")
    document = Document("file:///a.py", TEXT, language="python")
    tree = SyntaxTree.of(document)
    assert list_fixable(document, tree, [line, *UNUSED]) == UNUSED
    assert fixed(TEXT, line) == TEXT
    assert fix_all_edits(document, tree, [line]) == []


def test_a_statement_whose_names_are_all_unused_goes() -> None:
    text = "from os import path, sep\n\nx = 1\n"
    both = [
        each for name in ("path", "sep") for each in found(text, name, "`os.{}` imported but unused", "F401")
    ]
    assert fixed(text, *both) == "\nx = 1\n"


@pytest.mark.parametrize("language", ["javascript", "go", "plaintext"])
def test_other_languages_have_no_rules(language: str) -> None:
    document = Document("file:///a", TEXT, language=language)
    assert list_fixable(document, SyntaxTree.of(document), [*UNUSED, *MISSING]) == []


@given(st.lists(st.sampled_from([*UNUSED, *MISSING]), unique=True))
def test_any_choice_of_diagnostics_gives_code_that_parses(chosen: list[Diagnostic]) -> None:
    new = fixed(TEXT, *chosen)
    compile(new, "a", "exec")
    assert new.endswith(TEXT.split("\n\n\n")[1])
    assert fixed(TEXT, *reversed(chosen)) == new
