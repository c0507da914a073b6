"""What needs no model: missing imports and renames."""

import pytest

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import gate, rename
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits


def fixed(text: str, name: str, message: str) -> str | None:
    document = Document("file:///a.py", text, language="python")
    at = text.index(f"{name}.")
    found = [Diagnostic(at, at + len(name), message)]
    edits = gate.edits_without_model("fix", document, SyntaxTree.of(document), 0, len(text), found, "")
    return None if edits is None else apply_edits(text, edits)


@pytest.mark.parametrize(
    ("head", "message", "added"),
    [
        ("", "undefined name 'os'", "import os\n"),
        ('"""Doc."""\n', "Undefined name `os`", '"""Doc."""\nimport os\n'),
        ("import re\nimport sys\n\n", '"os" is not defined', "import re\nimport sys\nimport os\n\n"),
        ("#!/usr/bin/python\n# -*- coding: utf-8 -*-\n", "Undefined variable 'os'", None),
        ("from __future__ import annotations\n\n", "undefined name 'os'", None),
    ],
)
def test_an_import_in_its_place(head: str, message: str, added: str | None) -> None:
    code = "x = os.getcwd()\n"
    new = fixed(head + code, "os", message)
    assert new is not None
    if added is not None:
        assert new == added + code
    assert compile(new, "a", "exec")
    assert new.index("import os") > (new.index("__future__") if "__future__" in new else -1)


def test_usual_aliases() -> None:
    assert fixed("x = np.zeros(3)\n", "np", "undefined name 'np'") == "import numpy as np\nx = np.zeros(3)\n"


def test_what_is_no_module_is_left_to_a_model() -> None:
    assert fixed("x = helper.run()\n", "helper", "undefined name 'helper'") is None
    assert fixed("x = os.getcwd()\n", "os", "line too long") is None


FUNCTION = 'def f(self, a):\n    b = self.a + g(a=a)\n    return f"a {a} {b}"  # a\n'


def renamed(instruction: str, text: str = FUNCTION, start: int = 0) -> str | None:
    document = Document("file:///a.py", text, language="python")
    edits = rename.rename_edits(document, SyntaxTree.of(document), start, len(text), instruction)
    return None if edits is None else apply_edits(text, edits)


@pytest.mark.parametrize(
    "instruction", ["Rename a to c", "rename the variable `a` to `c`.", "rename parameter 'a' into 'c'"]
)
def test_a_rename_changes_the_name_and_nothing_that_is_spelled_alike(instruction: str) -> None:
    assert renamed(instruction) == 'def f(self, c):\n    b = self.a + g(a=c)\n    return f"a {c} {b}"  # a\n'


@pytest.mark.parametrize(
    ("instruction", "why"),
    [
        ("rename x to y", "no name 'x'"),
        ("rename a to b", "already used"),
        ("rename a to class", "'class' cannot be a name here"),
        ("rename a to None", "'None' cannot be a name here"),
    ],
)
def test_renames_that_are_refused(instruction: str, why: str) -> None:
    with pytest.raises(EditRefused, match=why):
        renamed(instruction)


def test_a_name_that_is_used_elsewhere_too_is_refused() -> None:
    with pytest.raises(EditRefused, match="also used outside these lines"):
        renamed("rename a to z", "a = 1\n" + FUNCTION, start=6)


def test_other_instructions_are_left_to_a_model() -> None:
    assert renamed("rename a to b and add a comment") is None
    assert renamed("make it faster") is None
    document = Document("file:///a", "a = 1", language="lua")
    assert rename.rename_edits(document, SyntaxTree.of(document), 0, 5, "rename a to b") is None
