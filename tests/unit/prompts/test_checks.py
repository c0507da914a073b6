"""The checks of a proposed edit: what each of them refuses, and its siblings that must pass."""

import pytest

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import gate
from spark_lsp.prompts.checks.purpose import find_purpose
from spark_lsp.prompts.checks.refusal import ProposalRefused
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits, diff_texts

PYTHON = """\
import re

LIMIT = 3


class Box:
    def __init__(self, size):
        self.size = size

    def area(self):
        total = self.size * self.size
        return total


def first(values, default=None):
    for value in values:
        return value
    return default


print(first([Box(LIMIT).area()]), re.escape("x"))
"""
SCRIPT = """\
import { rates } from './rates';

export function tax(price, country) {
  const rate = rates[country];
  return price * rate;
}
"""


def refusal_of(
    old: str,
    new: str,
    *,
    text: str = PYTHON,
    language: str = "python",
    action: str = "instruct",
    words: str = "",
) -> ProposalRefused | None:
    """Propose `new` in place of `old`, a part of the document; return the gate's refusal, if any."""
    document = Document("file:///a", text, language=language)
    start = text.index(old)
    edits = diff_texts(old, new, start)
    try:
        target = (start, start + len(old))
        gate.check_proposal(action, document, SyntaxTree.of(document), target, edits, words)
    except ProposalRefused as refusal:
        return refusal
    return None


def code_of(refusal: ProposalRefused | None) -> Code | None:
    return None if refusal is None else refusal.code


AREA = "        total = self.size * self.size\n        return total\n"
FIRST = "    for value in values:\n        return value\n    return default\n"
RATE = "  const rate = rates[country];\n  return price * rate;\n"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (AREA, "        total = self.size * self.size\n", Code.PROPOSAL_CHANGES_INTERFACE),
        (AREA, "        return self.size * self.size\n", None),
        (AREA, "        total = self.size * width\n        return total\n", Code.PROPOSAL_UNDEFINED_NAME),
        (AREA, "        return total\n", Code.PROPOSAL_UNDEFINED_NAME),
        (AREA, "        return self.width * self.size\n", Code.PROPOSAL_UNDEFINED_NAME),
        (AREA, "        return math.pow(self.size, 2)\n", Code.PROPOSAL_UNDEFINED_NAME),
        (AREA, "        import math\n        return math.pow(self.size, 2)\n", None),
        (AREA, "        return sum(side for side in [self.size])\n", None),
        (AREA, "        return [side for side in (self.size,)] + [side]\n", Code.PROPOSAL_UNDEFINED_NAME),
        (
            AREA,
            "        if (side := self.size) > LIMIT:\n            return side\n        return Box\n",
            None,
        ),
        (FIRST, "    return next(iter(values), default)\n", None),
        (FIRST, "    return next(iter(values), value)\n", Code.PROPOSAL_UNDEFINED_NAME),
        (AREA, "        area = self.size\n        return self.size * self.size\n", Code.PROPOSAL_UNUSED_NAME),
        (AREA, "        _, area = 1, 2\n        return self.size**2\n", None),
        (
            AREA,
            "        def double(value):\n            return 2 * value\n\n        return self.size**2\n",
            Code.PROPOSAL_UNUSED_NAME,
        ),
        (
            AREA,
            "        def double(value):\n            return 2 * value\n\n        return double(self.size)\n",
            None,
        ),
    ],
)
def test_names(old: str, new: str, code: Code | None) -> None:
    assert code_of(refusal_of(old, new)) == code


def test_the_objection_names_what_exists() -> None:
    refusal = refusal_of(AREA, "        return self.sise * 2\n")
    assert refusal is not None
    assert "`self.sise` does not exist" in refusal.objection
    assert "`self.size`" in refusal.objection
    assert apply_edits(PYTHON, refusal.edits) == PYTHON.replace(AREA, "        return self.sise * 2\n")
    assert "sise" in str(refusal)


def test_a_definition_that_other_code_uses_cannot_go() -> None:
    old = PYTHON[PYTHON.index("def first") : PYTHON.index("\n\nprint")]
    assert code_of(refusal_of(old, "def second(values):\n    return values[1]\n")) == (
        Code.PROPOSAL_UNDEFINED_NAME
    )


def test_names_that_were_undefined_before_may_stay() -> None:
    text = "def f():\n    return missing\n"
    assert refusal_of("    return missing\n", "    return missing + 1\n", text=text) is None


@pytest.mark.parametrize(
    ("words", "code"), [("Add a cache", Code.PROPOSAL_REMOVES_CODE), ("Replace it by a function", None)]
)
def test_a_definition_stays_unless_the_request_replaces_it(words: str, code: Code | None) -> None:
    text = "class Spare:\n    size = 1\n"
    assert code_of(refusal_of(text, "class Cache:\n    size = 1\n", text=text, words=words)) == code


def test_star_imports_allow_any_name() -> None:
    text = "from m import *\n\n\ndef f():\n    return 1\n"
    assert refusal_of("    return 1\n", "    return anything\n", text=text) is None


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("  return price * rates[country];\n", None),
        ("  return price * rate;\n", Code.PROPOSAL_UNDEFINED_NAME),
        ("  return [price].map((one) => one * rates[country])[0];\n", None),
        ("  return [price].map((one) => one * rates[country])[one];\n", Code.PROPOSAL_UNDEFINED_NAME),
        ("  const rate = rates[country]\n  return price * (rate;\n", Code.PROPOSAL_DOES_NOT_PARSE),
    ],
)
@pytest.mark.parametrize("language", ["javascript", "typescript", "javascriptreact", "typescriptreact"])
def test_names_of_scripts(new: str, code: Code | None, language: str) -> None:
    assert code_of(refusal_of(RATE, new, text=SCRIPT, language=language)) == code


@pytest.mark.parametrize(
    ("language", "text", "old", "new", "code"),
    [
        ("python", "def f():\n    a = 1\n    return a\n", "    return a\n", "        return a\n", "parse"),
        ("go", "func f() int {\n\treturn 1\n}\n", "\treturn 1\n", "\treturn g(1\n", "parse"),
        ("go", "func f() int {\n\treturn 1\n}\n", "\treturn 1\n", "\treturn g(1)\n", ""),
        ("rust", "fn f() -> i32 {\n    1\n}\n", "    1\n", "    1 }\n", "parse"),
        ("c", 'int f(void) {\n    return g("a");\n}\n', '"a"', '"a', "parse"),
        ("java", "class A {\n  int f() { return 1; }\n}\n", "return 1;", "return 2;", ""),
        ("plaintext", "a :)\n", "a", "a (", ""),
        ("shellscript", "case $1 in\n  a) x ;;\nesac\n", "  a) x ;;\n", "  b) y ;;\n", ""),
        ("python", "def f(:\n    a\n", "    a\n", "    b = (1)\n    a = b\n", ""),
    ],
)
def test_syntax(language: str, text: str, old: str, new: str, code: str) -> None:
    found = refusal_of(old, new, text=text, language=language)
    assert code_of(found) == (Code.PROPOSAL_DOES_NOT_PARSE if code else None)


def test_the_objection_names_the_line_that_does_not_parse() -> None:
    refusal = refusal_of(AREA, "        total = self.size\n        return (total\n")
    assert refusal is not None
    assert "line 2" in refusal.objection


GETTER = "class A {\n  get a() {}\n}\n"


@pytest.mark.parametrize(
    ("language", "text", "old", "new", "is_twice"),
    [
        ("python", PYTHON, FIRST, FIRST + "\n\ndef first(values):\n    return values[0]\n", True),
        ("python", PYTHON, AREA, AREA + "\n    def area(self):\n        return 1\n", True),
        ("python", PYTHON, AREA, AREA + "\n    def first(self):\n        return 1\n", False),
        (
            "python",
            "if 1:\n    def f(): ...\nelse:\n    pass\n",
            "    pass\n",
            "    def f(): ...\n",
            False,
        ),
        (
            "python",
            "class A:\n    @property\n    def a(self): ...\n",
            "    def a(self): ...\n",
            "    def a(self): ...\n\n    @a.setter\n    def a(self, value): ...\n",
            False,
        ),
        (
            "javascript",
            "class A {\n  get a() {}\n}\n",
            "  get a() {}\n",
            "  get a() {}\n  set a(b) {}\n",
            False,
        ),
        (
            "javascript",
            "class A {\n  get a() {}\n}\n",
            "  get a() {}\n",
            "  get a() {}\n  get a() {}\n",
            True,
        ),
        (
            "typescript",
            "interface A { a: string }\n",
            "interface A { a: string }\n",
            "interface A { a: string }\ninterface A { b: string }\n",
            False,
        ),
    ],
)
def test_duplicates(language: str, text: str, old: str, new: str, *, is_twice: bool) -> None:
    found = refusal_of(old, new, text=text, language=language)
    assert code_of(found) == (Code.PROPOSAL_DUPLICATE if is_twice else None)


@pytest.mark.parametrize(
    ("action", "old", "new", "code"),
    [
        ("types", "    def area(self):\n", "    def area(self) -> float:\n", None),
        ("types", "        self.size = size\n", "        self.size: int = size\n", None),
        (
            "types",
            "def first(values, default=None):\n",
            "def first(values: list[int], default: int | None = None) -> int | None:\n",
            None,
        ),
        (
            "types",
            "def first(values, default=None):\n",
            "def first(values: list[int], default: int = 0) -> int:\n",
            Code.PROPOSAL_CHANGES_CODE,
        ),
        (
            "types",
            AREA,
            "        total: int = self.size ** 2\n        return total\n",
            Code.PROPOSAL_CHANGES_CODE,
        ),
        ("types", "LIMIT = 3\n", "from typing import Final\n\nLIMIT: Final = 3\n", None),
        ("rename", AREA, AREA.replace("total", "result"), None),
        (
            "rename",
            AREA,
            "        result = self.size ** 2\n        return result\n",
            Code.PROPOSAL_CHANGES_CODE,
        ),
        ("simplify", AREA, "        return self.size**2\n", None),
        ("simplify", AREA, "        self.size **= 2\n", Code.PROPOSAL_CHANGES_INTERFACE),
        ("document", FIRST, '    """Return the first value."""\n' + FIRST, None),
        ("document", FIRST, FIRST.replace("default", "default or 0"), Code.PROPOSAL_CHANGES_CODE),
        ("tests", FIRST, FIRST + "\n\ndef test_first():\n    assert first([1]) == 1\n", None),
        (
            "tests",
            FIRST,
            "    return default\n\n\ndef test_it():\n    assert 1\n",
            Code.PROPOSAL_CHANGES_CODE,
        ),
        ("tests", FIRST, FIRST + "\n\ndef again():\n    return first([])\n", Code.PROPOSAL_OFF_REQUEST),
    ],
)
def test_what_an_action_must_keep(action: str, old: str, new: str, code: Code | None) -> None:
    assert code_of(refusal_of(old, new, action=action)) == code


METHOD = PYTHON[PYTHON.index("    def area") : PYTHON.index("\n\ndef first")]


@pytest.mark.parametrize("action", ["simplify", "optimise"])
@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("    def area(self):\n        return self.size**2\n", None),
        ("    def area(self, unit=1):\n        return self.size**2\n", Code.PROPOSAL_CHANGES_INTERFACE),
        ("    async def area(self):\n        return self.size**2\n", Code.PROPOSAL_CHANGES_INTERFACE),
        ("    def area(self):\n        print(self.size**2)\n", Code.PROPOSAL_CHANGES_INTERFACE),
        ("    def surface(self):\n        return self.size**2\n", Code.PROPOSAL_CHANGES_INTERFACE),
    ],
)
def test_signatures_and_results_stay(action: str, new: str, code: Code | None) -> None:
    assert code_of(refusal_of(METHOD, new, action=action)) == code


@pytest.mark.parametrize(
    ("old", "new", "words", "code"),
    [
        (FIRST, "    return default\n    print(values)\n", "", Code.PROPOSAL_UNREACHABLE_CODE),
        (FIRST, "    for value in values:\n        return value\n", "", Code.PROPOSAL_CHANGES_INTERFACE),
        (FIRST, "    return next(iter(values))\n", "", Code.PROPOSAL_CHANGES_INTERFACE),
        (FIRST, "    return next(iter(values))\n", "Ignore the default", None),
        (FIRST, "    print(values, default)\n", "Print instead of returning", None),
        (FIRST, "    print(values, default)\n", "", Code.PROPOSAL_CHANGES_INTERFACE),
        (FIRST, "    yield from values\n    yield default\n", "Make it a generator", None),
        (FIRST, FIRST + "\n    # done\n", "", None),
    ],
)
def test_what_the_code_still_does(old: str, new: str, words: str, code: Code | None) -> None:
    assert code_of(refusal_of(old, new, words=words)) == code


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("  return price * rates[country];\n", None),
        ("  const rate = rates.de;\n  return price * rate;\n", Code.PROPOSAL_CHANGES_INTERFACE),
        ("  return tax2();\n  function tax2() { return price * rates[country]; }\n", None),
        ("  return price * rates[country];\n  price += 1;\n", Code.PROPOSAL_UNREACHABLE_CODE),
    ],
)
def test_what_a_script_still_does(new: str, code: Code | None) -> None:
    assert code_of(refusal_of(RATE, new, text=SCRIPT, language="javascript")) == code


STUB = 'def mean(values):\n    """Return the mean."""\n    raise NotImplementedError\n'


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ('def mean(values):\n    """Return the mean."""\n    return sum(values) / len(values)\n', None),
        ('def mean(data):\n    """Return the mean."""\n    return sum(data)\n', Code.PROPOSAL_OUTSIDE),
        ("def mean(values):\n    return sum(values) / len(values)\n", Code.PROPOSAL_OUTSIDE),
    ],
)
def test_completing_a_body_changes_only_the_body(new: str, code: Code | None) -> None:
    assert code_of(refusal_of(STUB, new, text=STUB, action="complete")) == code


def test_a_language_without_a_grammar_keeps_its_lines_under_documentation() -> None:
    old = "int f(int *p) {\n    return *p;\n}\n"
    good = "/**\n * Read it.\n */\n" + old
    bad = old.replace("    return", "    *p = 0;\n    return")
    assert refusal_of(old, good, text=old, language="c", action="document") is None
    assert code_of(refusal_of(old, bad, text=old, language="c", action="document")) == (
        Code.PROPOSAL_CHANGES_CODE
    )


def test_an_answer_that_runs_on() -> None:
    line = "        self.size += 1\n"
    assert code_of(refusal_of(AREA, line * 12 + AREA)) == Code.PROPOSAL_TOO_LARGE
    assert code_of(refusal_of(AREA, line * 3 + AREA)) is None
    many = "".join(f"        self.size += {number}\n" for number in range(400))
    assert code_of(refusal_of(AREA, many + AREA)) == Code.PROPOSAL_TOO_LARGE


def test_disguised_code_is_shown_to_nobody() -> None:
    refusal = refusal_of(AREA, AREA.replace("total", "to\u202etal"))
    assert refusal is not None
    assert (refusal.code, refusal.edits) == (Code.PROPOSAL_DISGUISED, ())


@pytest.mark.parametrize(
    ("instruction", "purpose"),
    [
        ("Write a test for this", "tests"),
        ("write a test for this function, below it", "tests"),
        ("Add unit tests", "tests"),
        ("Add type hints", "types"),
        ("add the missing type annotations to this method", "types"),
        ("Add a docstring", "document"),
        ("Add a test for None and return 0", "instruct"),
        ("Add type hints and handle None", "instruct"),
        ("Write a function that tests a number", "instruct"),
        ("Test the size first", "instruct"),
        ("Make it faster", "instruct"),
    ],
)
def test_an_instruction_may_have_the_purpose_of_an_action(instruction: str, purpose: str) -> None:
    assert find_purpose("instruct", instruction) == purpose
    assert find_purpose("fix", instruction) == "fix"


def test_a_refusal_is_an_edit_refused() -> None:
    assert issubclass(ProposalRefused, EditRefused)
