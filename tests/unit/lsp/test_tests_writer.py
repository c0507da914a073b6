"""The file in which tests belong, by the folders that exist."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lsprotocol import types

from spark_lsp.errors import EditRefused
from spark_lsp.lsp import tests_writer
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding

CODE = {
    "python": "def add(a, b):\n    return a + b\n",
    "typescript": "export function add(a: number) {\n  return a;\n}\n",
    "go": "package a\n\nfunc Add(a int) int {\n\treturn a\n}\n",
    "java": "class Cart {\n    int add(int a) {\n        return a;\n    }\n}\n",
}
ABLE = Abilities(
    types.ClientCapabilities(
        workspace=types.WorkspaceClientCapabilities(
            workspace_edit=types.WorkspaceEditClientCapabilities(
                document_changes=True, resource_operations=[types.ResourceOperationKind.Create]
            )
        )
    )
)
Plan = Callable[..., tests_writer.TestsPlan]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Plan the tests of a file in a folder that has other files and folders."""

    def plan(
        name: str, *others: str, language: str = "python", abilities: Abilities = ABLE, opened: str = ""
    ) -> tests_writer.TestsPlan:
        for each in (name, *others):
            path = tmp_path / each
            (path if each.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if not each.endswith("/"):
                path.write_text(CODE[language] if each == name else "{}\n", "utf-8")
        documents = Documents(Encoding.UTF16)
        if opened:
            documents.open((tmp_path / opened).as_uri(), language, 4, "x = 1\n")
        writer = tests_writer.TestsWriter(documents, lambda: [tmp_path.as_uri()])
        return writer.plan(request_for((tmp_path / name).as_uri(), language), abilities)

    return plan


def request_for(uri: str, language: str) -> EditRequest:
    document = Document(uri, CODE[language], 1, language)
    at = document.text.index("return")
    return EditRequest(
        "tests", RedactedDocument.from_document(document), SyntaxTree.of(document), at, at, "Write tests"
    )


@pytest.mark.parametrize(
    ("name", "others", "language", "expected", "is_new"),
    [
        ("cart.py", (), "python", "tests/test_cart.py", True),
        ("cart.py", ("test_cart.py",), "python", "test_cart.py", False),
        ("src/shop/cart.py", ("pyproject.toml", "tests/unit/"), "python", "tests/unit/test_cart.py", True),
        ("src/shop/cart.py", ("tests/shop/", "tests/unit/"), "python", "tests/unit/test_cart.py", True),
        ("src/shop/cart.py", ("tests/shop/",), "python", "tests/shop/test_cart.py", True),
        ("part/src/cart.py", ("part/pyproject.toml", "tests/"), "python", "part/tests/test_cart.py", True),
        ("src/cart.ts", ("package.json",), "typescript", "src/cart.test.ts", True),
        ("src/cart.ts", ("src/__tests__/",), "typescript", "src/__tests__/cart.test.ts", True),
        ("src/cart.ts", ("src/cart.spec.ts",), "typescript", "src/cart.spec.ts", False),
        ("store/cart.go", ("go.mod",), "go", "store/cart_test.go", True),
        ("src/main/java/Cart.java", ("pom.xml",), "java", "src/test/java/CartTest.java", True),
    ],
)
def test_the_folders_decide(
    plan: Plan, tmp_path: Path, name: str, others: tuple[str, ...], language: str, expected: str, is_new: bool
) -> None:
    found = plan(name, *others, language=language).file
    assert found is not None
    assert (found.path, found.is_new) == (str(tmp_path / expected), is_new)


def test_an_open_text_counts_before_the_disk(plan: Plan) -> None:
    found = plan("cart.py", opened="tests/test_cart.py").file
    assert found is not None
    assert (found.is_new, found.version, found.document.text) == (False, 4, "x = 1\n")


def test_the_question_names_the_framework_of_the_package(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"devDependencies": {"vitest": "2"}}', "utf-8")
    asked = plan("src/cart.ts", language="typescript").question
    assert "with vitest" in asked
    assert 'import { add } from "./cart"' in asked


@pytest.mark.parametrize(
    ("name", "why"), [("test_cart.py", "This is a file of tests"), ("cart.py", "cannot create it")]
)
def test_a_place_that_cannot_be_used_is_refused_with_what_to_do(plan: Plan, name: str, why: str) -> None:
    with pytest.raises(EditRefused, match=why) as refused:
        plan(name, abilities=Abilities())
    assert refused.value.remedy


def test_a_test_file_that_is_no_text_is_refused(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_cart.py").write_bytes(b"\xff\0")
    with pytest.raises(EditRefused, match="cannot be read"):
        plan("cart.py")


def test_the_line_ends_of_a_new_file_are_those_of_the_code(tmp_path: Path) -> None:
    writer = tests_writer.TestsWriter(Documents(Encoding.UTF16), lambda: [tmp_path.as_uri()])
    uri = (tmp_path / "cart.py").as_uri()
    text = CODE["python"].replace("\n", "\r\n")
    document = Document(uri, text, 1, "python")
    at = text.index("return")
    request = EditRequest(
        "tests", RedactedDocument.from_document(document), SyntaxTree.of(document), at, at, "Write tests"
    )
    planned = writer.plan(request, ABLE)
    answer = "```python\nfrom cart import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n```"
    (edit,) = writer.read_edits(planned, request, EditFormat.FENCED, answer)
    assert edit.new == "from cart import add\r\n\r\n\r\ndef test_add():\r\n    assert add(1, 2) == 3\r\n"
    assert (edit.start, edit.end) == (0, 0)
