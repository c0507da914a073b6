"""Tests of code: where they belong, the request for them, and how they are added to a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.tests_insertion import insertion_below, insertion_edits, insertion_inside
from spark_lsp.prompts.tests_layout import SAME_FILE, TESTED, is_test_file, list_test_files
from spark_lsp.prompts.tests_question import (
    asks_for_same_file,
    build_tests_question,
    find_outermost,
    find_subject,
    import_hint,
    is_request_for_tests,
    script_framework,
)
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

ROOT = "/home/a/shop"


@pytest.mark.parametrize(
    ("language", "source", "usual", "also"),
    [
        ("python", "src/shop/cart.py", "tests/test_cart.py", "tests/unit/shop/test_cart.py"),
        ("python", "cart.py", "tests/test_cart.py", "test_cart.py"),
        ("python", "shop/cart.py", "tests/test_cart.py", "shop/tests/test_cart.py"),
        ("typescript", "src/cart.ts", "src/cart.test.ts", "src/__tests__/cart.test.ts"),
        ("javascriptreact", "src/App.jsx", "src/App.test.jsx", "src/App.spec.jsx"),
        ("javascript", "lib/cart.js", "lib/cart.test.js", "test/cart.test.js"),
        ("go", "store/cart.go", "store/cart_test.go", ""),
        ("java", "src/main/java/com/a/Cart.java", "src/test/java/com/a/CartTest.java", ""),
        ("kotlin", "src/main/kotlin/Cart.kt", "src/test/kotlin/CartTest.kt", ""),
        ("ruby", "lib/shop/cart.rb", "test/shop/cart_test.rb", "spec/shop/cart_spec.rb"),
        ("php", "src/Cart.php", "tests/CartTest.php", "tests/Unit/CartTest.php"),
        ("elixir", "lib/shop/cart.ex", "test/shop/cart_test.exs", ""),
        ("dart", "lib/cart.dart", "test/cart_test.dart", ""),
        ("swift", "Sources/Shop/Cart.swift", "Tests/ShopTests/CartTests.swift", ""),
        ("lua", "src/cart.lua", "spec/cart_spec.lua", ""),
    ],
)
def test_the_customs_of_a_language(language: str, source: str, usual: str, also: str) -> None:
    found = list_test_files(f"{ROOT}/{source}", ROOT, language)
    assert found is not None
    assert found.usual == f"{ROOT}/{usual}"
    assert f"{ROOT}/{also or usual}" in found.files
    assert all(each.startswith(f"{ROOT}/") for each in found.files)
    assert is_test_file(found.usual, language)
    assert not is_test_file(source, language)


def test_languages_with_tests_in_the_same_file_have_no_other_file() -> None:
    for language in SAME_FILE:
        assert language in TESTED
        assert list_test_files(f"{ROOT}/a", ROOT, language) is None


@given(st.sampled_from(sorted(TESTED - {*SAME_FILE})), st.text("ab/.-_ é", min_size=1, max_size=30))
def test_a_test_file_is_never_the_source(language: str, name: str) -> None:
    path = f"{ROOT}/{name.strip('/') or 'a'}"
    found = list_test_files(path, ROOT, language)
    assert found is not None
    assert path not in found.files


@pytest.mark.parametrize(
    ("language", "text", "at", "label"),
    [
        (
            "python",
            "class Account:\n    @a\n    def withdraw(self):\n        return 1\n",
            "return",
            "Account.withdraw",
        ),
        ("python", "async def f():\n    return 1\n", "return", "f"),
        ("javascript", "export const add = (a) => a;\n", "add", "add"),
        ("javascript", "exports.add = function (a) {\n};\n", "add", "add"),
        ("typescript", "class A {\n  f(a: number) {\n    return a;\n  }\n}\n", "return", "A.f"),
        ("go", "func (s *Store) Add(a int) int {\n\treturn a\n}\n", "return", "Add"),
        (
            "rust",
            "impl<T> Stack<T> {\n    pub fn push(&mut self) {\n        x();\n    }\n}\n",
            "x()",
            "Stack.push",
        ),
        ("java", "public class A {\n    int add(int a) {\n        return a;\n    }\n}\n", "return", "A.add"),
    ],
)
def test_the_code_under_test_has_a_name(language: str, text: str, at: str, label: str) -> None:
    document = Document("file:///a", text, language=language)
    subject = find_subject(document, SyntaxTree.of(document), text.index(at))
    assert subject is not None
    assert subject.label == label


def test_the_request_names_the_import_and_the_framework() -> None:
    document = Document("file:///a", "def add(a):\n    return a\n", language="python")
    subject = find_subject(document, SyntaxTree.of(document), 4)
    assert subject is not None
    asked = build_tests_question(
        "Write tests.", subject, "python", f"{ROOT}/src/shop/cart.py", f"{ROOT}/tests/test_cart.py", ROOT, ""
    )
    assert asked.startswith("Write tests: `add`, with pytest. Import it with `from shop.cart import add`.")
    same = build_tests_question("Write tests", subject, "python", "/a.py", "/a.py", "", "")
    assert "mport" not in same


@pytest.mark.parametrize(
    ("source", "test", "hint"),
    [
        ("src/cart.ts", "src/cart.test.ts", 'import { f } from "./cart"'),
        ("src/cart.ts", "src/__tests__/cart.test.ts", 'import { f } from "../cart"'),
        ("lib/cart.js", "test/cart.test.js", 'import { f } from "../lib/cart.js"'),
    ],
)
def test_imports_of_scripts_are_relative(source: str, test: str, hint: str) -> None:
    assert import_hint("f", "typescript", f"{ROOT}/{source}", f"{ROOT}/{test}", ROOT) == hint


def test_the_framework_of_a_package() -> None:
    assert script_framework('{"devDependencies": {"vitest": "1"}}') == "vitest"
    assert script_framework("") == "node:test and node:assert"


@pytest.mark.parametrize(
    ("instruction", "is_request"),
    [
        ("Write a test for this", True),
        ("please add some unit tests", True),
        ("Create tests for the class", True),
        ("Generate unit-tests here", True),
        ("Add test data", False),
        ("Test whether a is None", False),
        ("Rename test to check", False),
        ("Write a function that tests primes", False),
    ],
)
def test_an_instruction_that_asks_for_tests(instruction: str, is_request: bool) -> None:
    assert is_request_for_tests(instruction, "python") is is_request
    assert not is_request_for_tests(instruction, "csharp")


def test_an_instruction_that_names_the_place() -> None:
    assert asks_for_same_file("Write a test for this function, below it")
    assert asks_for_same_file("write tests in this file")
    assert not asks_for_same_file("Write tests for this code")


def added(language: str, text: str, code: str) -> str:
    document = Document("file:///a", text, language=language)
    edits = insertion_edits(document, code)
    assert all(edit.start == edit.end for edit in edits) or not text.strip()
    return apply_edits(text, edits)


GO = """package a

import (
\t"testing"
)
import "fmt"

func TestAdd(t *testing.T) {
}

func TestAdd_2(t *testing.T) {
\tfmt.Println()
}
"""
JAVA = """package a;

import b.C;
import b.D;

class ATest {
    @Test
    void f() {
    }

    @Test
    void g() {
    }
}
"""
SCRIPT = """import { a } from "./a";
import { b } from "./b";

test("a", () => {});

test("b", () => {});
"""
PYTHON = '"""Tests."""\n\nimport pytest\n\n\ndef test_add():\n    assert 1\n'


def test_imports_go_to_the_imports_and_a_taken_name_gets_a_number() -> None:
    new = added(
        "python",
        PYTHON,
        "import pytest\nfrom cart import (\n    add,\n)\n\n\ndef test_add():\n    assert add(1)\n",
    )
    assert new == (
        '"""Tests."""\n\nimport pytest\nfrom cart import (\n    add,\n)\n\n\ndef test_add():\n    assert 1\n'
        "\n\ndef test_add_2():\n    assert add(1)\n"
    )


def test_a_new_file_has_the_answer_alone() -> None:
    assert added("python", "", "\nimport a\n\n\ndef test_a():\n    pass\n\n") == (
        "import a\n\n\ndef test_a():\n    pass\n"
    )


@pytest.mark.parametrize(
    ("language", "text", "code", "expected"),
    [
        (
            "go",
            'package a\n\nimport (\n\t"testing"\n)\n\nfunc TestAdd(t *testing.T) {\n}\n',
            'package a\n\nimport "fmt"\n\nfunc TestAdd(t *testing.T) {\n\tfmt.Println()\n}\n',
            GO,
        ),
        (
            "typescript",
            'import { a } from "./a";\n\ntest("a", () => {});\n',
            'import { a } from "./a";\nimport { b } from "./b";\n\ntest("b", () => {});\n',
            SCRIPT,
        ),
        (
            "java",
            "package a;\n\nimport b.C;\n\nclass ATest {\n    @Test\n    void f() {\n    }\n}\n",
            "package a;\n\nimport b.D;\n\nclass ATest {\n    @Test\n    void g() {\n    }\n}\n",
            JAVA,
        ),
        (
            "elixir",
            "defmodule ATest do\n  use ExUnit.Case\nend\n",
            'defmodule ATest do\n  test "a" do\n  end\nend\n',
            'defmodule ATest do\n  use ExUnit.Case\n\n  test "a" do\n  end\nend\n',
        ),
    ],
)
def test_tests_join_those_that_are_there(language: str, text: str, code: str, expected: str) -> None:
    assert added(language, text, code) == expected


def test_line_ends_of_the_test_file_stay() -> None:
    text = PYTHON.replace("\n", "\r\n")
    assert added("python", text, "def test_b():\n    pass") == text + "\r\n\r\ndef test_b():\r\n    pass\r\n"


RUST = "fn add(a: i32) -> i32 {\n    a\n}\n"
MODULE = "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn test_b() {\n    }\n}\n"


@pytest.mark.parametrize(
    "code",
    ["#[test]\nfn test_b() {\n}", MODULE, "use super::*;\n\n#[test]\nfn test_b() {\n}"],
)
def test_rust_has_its_tests_in_a_module_below(code: str) -> None:
    document = Document("file:///a", RUST, language="rust")
    assert apply_edits(RUST, insertion_inside(document, code)) == f"{RUST}\n{MODULE}"


def test_tests_join_the_module_of_rust_wherever_it_is() -> None:
    text = f"{MODULE}\nfn other() {{\n}}\n"
    document = Document("file:///a", text, language="rust")
    new = apply_edits(text, insertion_inside(document, "#[test]\nfn test_b() {\n}"))
    inner = "\n    #[test]\n    fn test_b_2() {\n    }\n"
    assert new == text.replace("    }\n}\n\nfn other", f"    }}\n{inner}}}\n\nfn other")


def test_tests_below_the_code_leave_its_own_import_out() -> None:
    text = "import os\n\n\nclass A:\n    def f(self):\n        return 1\n\n\nx = 1\n"
    document = Document("file:///a.py", text, language="python")
    tree = SyntaxTree.of(document)
    definition = tree.definition_at(text.index("return"))
    assert definition is not None
    end = find_outermost(document, tree, definition).end
    code = (
        "import pytest\nimport json\nfrom shop.a import A\n\n\ndef test_f():\n    assert A().f(json)\n\n\n"
        'if __name__ == "__main__":\n    pytest.main()\n'
    )
    new = apply_edits(text, insertion_below(document, tree, end, code, "a"))
    below = "        return 1\n\n\ndef test_f():\n    assert A().f(json)\n\n\nx = 1"
    assert new == text.replace("import os\n", "import os\nimport json\n").replace(
        "        return 1\n\n\nx = 1", below
    )


@given(
    language=st.sampled_from(sorted(TESTED)),
    text=st.lists(
        st.sampled_from(["import a\n", "def test_a():\n", "    pass\n", "}\n", "class A {\n", "\r\n", "x"])
    ).map("".join),
    code=st.lists(
        st.sampled_from(["import b\n", "def test_a():\n", "    pass\n", "}", "class A {\n", "\n", "end"])
    ).map("".join),
)
def test_adding_tests_only_inserts(language: str, text: str, code: str) -> None:
    document = Document("file:///a", text, language=language)
    for edits in (insertion_edits(document, code), insertion_inside(document, code)):
        assert all(edit.start == edit.end for edit in edits) or not text.strip()
        apply_edits(text, edits)
