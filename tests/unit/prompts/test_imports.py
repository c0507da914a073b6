"""Imports: the names that a file binds, the paths that they may mean, and the signatures behind them."""

import posixpath

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.imported_symbols import MAX_STEPS, ImportedSymbol, SourceOutline, list_imported
from spark_lsp.prompts.imports import ImportedName, find_imports
from spark_lsp.prompts.module_paths import find_root, is_inside, list_module_paths, shorten_path
from spark_lsp.prompts.outline import outline_of
from spark_lsp.prompts.used_names import names_near
from spark_lsp.text.document import Document

PYTHON = """
import os, numpy as np
import pkg.mod
from .a import (b as c,  # a comment
   d,
)
from . import e
from ..x.y import *
if True:
    from pkg import one; print(1)
"""
SCRIPT = """
import a, { b as c, type D } from './x';
import * as ns from "../ns";
import type { T } from './types.js';
import "./side";
export { p as q } from './p';
export * from './all';
const { r, s: t } = require('./r');
const u = require("./u");
import {
  one, // a comment
  two,
} from './many'
"""
WORD = st.from_regex(r"[a-z]{1,3}", fullmatch=True)


def names(source: str, language: str) -> list[tuple[str, str, str]]:
    return [(each.module, each.name, each.local) for each in find_imports(source, language)]


def test_python_imports() -> None:
    assert names(PYTHON, "python") == [
        ("os", "", "os"),
        ("numpy", "", "np"),
        ("pkg.mod", "", "pkg.mod"),
        (".a", "b", "c"),
        (".a", "d", "d"),
        (".", "e", "e"),
        ("..x.y", "*", "*"),
        ("pkg", "one", "one"),
    ]


def test_script_imports() -> None:
    assert names(SCRIPT, "typescript") == [
        ("./x", "default", "a"),
        ("./x", "b", "c"),
        ("./x", "D", "D"),
        ("../ns", "", "ns"),
        ("./types.js", "T", "T"),
        ("./p", "p", "q"),
        ("./all", "*", "*"),
        ("./r", "r", "r"),
        ("./r", "s", "t"),
        ("./u", "", "u"),
        ("./many", "one", "one"),
        ("./many", "two", "two"),
    ]


def test_other_languages_have_no_imports() -> None:
    assert find_imports("use std::io;\nimport x\n", "rust") == ()


@given(st.text("from import as .*,(){}\n\"'xy#", max_size=200), st.sampled_from(["python", "typescript"]))
def test_any_text_has_imports(source: str, language: str) -> None:
    for each in find_imports(source, language):
        assert each.module
        assert each.local


# Paths.


def test_python_paths_go_up_to_the_folder() -> None:
    found = list_module_paths("pkg.mod", "/w/p/a/b.py", ["/w"], "python")
    files = [path for path in found if path.endswith("mod.py")]
    assert files == [
        *("/w/p/a/pkg/mod.py", "/w/p/a/src/pkg/mod.py", "/w/p/pkg/mod.py"),
        *("/w/p/src/pkg/mod.py", "/w/pkg/mod.py", "/w/src/pkg/mod.py"),
    ]
    assert found[1] == "/w/p/a/pkg/mod/__init__.py"


def test_relative_paths() -> None:
    assert list_module_paths("..m", "/w/p/a/b.py", ["/w"], "python")[0] == "/w/p/m.py"
    assert list_module_paths(".", "/w/p/b.py", ["/w"], "python")[0] == "/w/p/__init__.py"
    assert list_module_paths("./x.js", "/w/b.ts", ["/w"], "typescript")[:4] == (
        *("/w/x.ts", "/w/x.tsx", "/w/x.d.ts", "/w/x.js"),
    )
    assert "/w/lib/index.ts" in list_module_paths("../lib", "/w/a/b.ts", ["/w"], "typescript")


def test_modules_that_are_in_no_folder() -> None:
    assert list_module_paths("os.path", "/w/b.py", ["/w"], "python") == ()
    assert list_module_paths("react", "/w/b.ts", ["/w"], "typescript") == ()
    assert list_module_paths("a.b-c", "/w/b.py", ["/w"], "python") == ()


@given(
    st.text("./ab", max_size=12),
    st.lists(WORD, min_size=1, max_size=4),
    st.sampled_from(["python", "typescript"]),
)
def test_paths_are_normal_and_few(module: str, folders: list[str], language: str) -> None:
    path = "/" + "/".join(folders) + "/file.py"
    found = list_module_paths(module, path, ["/" + folders[0], "/other"], language)
    assert all(each == posixpath.normpath(each) and each.startswith("/") for each in found)
    assert path not in found
    assert len(found) <= 200


def test_roots() -> None:
    assert is_inside("/w/a.py", ["/w"])
    assert not is_inside("/wide/a.py", ["/w"])
    assert is_inside("/a.py", ["/"])
    assert find_root("/w/x/a.py", ["/w", "/w/x", "/w/xy"]) == "/w/x"
    assert shorten_path("/w/x/a.py", ["/w"]) == "x/a.py"
    assert shorten_path("/elsewhere/a.py", ["/w"]) == "a.py"


# Signatures.


class Project:
    """Files by path; `find` is a `FindSource` that finds each by its module's last name."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def find(self, module: str, path: str, language: str) -> SourceOutline | None:
        for each in list_module_paths(module, path, ["/w"], language):
            if each in self.files:
                text = self.files[each]
                return SourceOutline(each, language, outline_of(text, language), find_imports(text, language))
        return None

    def imported(
        self, source: str, path: str = "/w/main.py", language: str = "python"
    ) -> list[ImportedSymbol]:
        return list(list_imported(find_imports(source, language), path, language, self.find))


def pairs(found: list[ImportedSymbol]) -> list[tuple[str, str]]:
    return [(each.local, each.text) for each in found]


def test_a_name_is_followed_through_a_package() -> None:
    project = Project(
        {
            "/w/pkg/__init__.py": "from .inner import *\nfrom .other import real as shown\n",
            "/w/pkg/inner.py": "def deep(a): pass\n",
            "/w/pkg/other.py": "def real(b): pass\n",
        }
    )
    found = project.imported("from pkg import deep as d, shown\n")
    assert pairs(found) == [("d", "def deep(a): ..."), ("shown", "def real(b): ...")]
    assert [each.path for each in found] == ["/w/pkg/inner.py", "/w/pkg/other.py"]


def test_modules_and_stars_are_wide() -> None:
    project = Project({"/w/m.py": "def f(): pass\ndef _g(): pass\n", "/w/p/n.py": "def h(): pass\n"})
    found = project.imported("import m as x\nfrom m import *\nfrom p import n\n")
    assert [each.local for each in found] == ["x.f", "f", "n.h"]
    assert all(each.is_wide for each in found)
    (named,) = project.imported("from m import f")
    assert not named.is_wide


def test_files_that_import_each_other_end() -> None:
    project = Project({"/w/a.py": "from b import x\n", "/w/b.py": "from a import x\nfrom b import *\n"})
    assert project.imported("from a import x\n") == []
    assert MAX_STEPS < 10


def test_a_default_export() -> None:
    project = Project({"/w/x.ts": "function main(a: string) {}\nexport default main;\n"})
    found = project.imported("import go from './x'", "/w/b.ts", "typescript")
    assert pairs(found) == [("go", "function main(a: string) { ... }")]


@given(st.lists(st.builds(ImportedName, st.just("m"), WORD, WORD), max_size=5))
def test_each_signature_is_there_once(imports: list[ImportedName]) -> None:
    project = Project({"/w/m.py": "def a(): pass\ndef b(): pass\n"})
    found = list_imported(imports, "/w/main.py", "python", project.find)
    assert len({(each.local, each.place) for each in found}) == len(found)
    assert {each.local for each in found} == {each.local for each in imports if each.name in ("a", "b")}


# Uses.


def test_names_near_a_cursor() -> None:
    text = (
        "from shop import far\nimport os.path\n"
        + "\n" * 40
        + "x = cart.total.value(Cart())\n"
        + "\n" * 40
        + "end\n"
    )
    document = Document("file:///a.py", text, 1, "python")
    found = names_near(document, text.index("x = ") + 4)
    assert found == {"x", "cart", "cart.total", "cart.total.value", "Cart"}


@given(st.text("ab.$ \n(=", max_size=200), st.integers(0, 200))
def test_names_have_their_beginnings(text: str, offset: int) -> None:
    document = Document("file:///a.py", text, 1, "python")
    found = names_near(document, min(offset, len(text)))
    for name in found:
        beginning = name.rpartition(".")[0]
        assert not beginning or beginning in found
