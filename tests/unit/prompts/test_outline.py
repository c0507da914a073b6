"""Outlines: every signature, no body, and any text without an error."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.prompts import outline
from spark_lsp.prompts.outline import outline_of

PYTHON = '''"""Doc."""
import os
LIMIT: int = 3
TABLE = {
    "a": 1,
}
if LIMIT:
    GUARDED = 2
def add(
    a: int,  # the first
    b: int = 2,
) -> int:
    """Doc."""
    return a + b
@dataclass(frozen=True)
class Cart(Base):
    """Doc."""
    items: list[str] = field(default_factory=list)
    _hidden = 3
    def __init__(self, a: int) -> None:
        self.a = a
    @property
    def total(self) -> float:
        return 3
    def _private(self): ...
class Empty: pass
'''
SCRIPT = """
export interface Point { x: number; y: number }
export abstract class Cart<T> extends Base {
  private secret = 1;
  public items: T[] = [];
  #hidden = 2;
  constructor(private a: number) { this.a = a; }
  private hide(): void {}
  abstract area(): number;
}
export const add = (a: number, b: number): number => a + b;
export const LIMIT = 3, TABLE = {
  a: 1 };
declare function ext(a: number): string;
function main(a: string): void { }
export default main;
"""


def texts(source: str, language: str) -> dict[str, str]:
    return {symbol.name: symbol.text for symbol in outline_of(source, language)}


def test_python() -> None:
    assert texts(PYTHON, "python") == {
        "LIMIT": "LIMIT: int = 3",
        "TABLE": "TABLE = ...",
        "GUARDED": "GUARDED = 2",
        "add": "def add(a: int, b: int = 2) -> int: ...",
        "Cart": (
            "@dataclass(frozen=True)\nclass Cart(Base):\n"
            "    items: list[str] = field(default_factory=list)\n"
            "    def __init__(self, a: int) -> None: ...\n"
            "    @property\n    def total(self) -> float: ..."
        ),
        "Empty": "class Empty: ...",
    }


def test_typescript() -> None:
    assert texts(SCRIPT, "typescript") == {
        "Point": "interface Point { x: number; y: number }",
        "Cart": (
            "abstract class Cart<T> extends Base {\n    public items: T[] = []\n"
            "    constructor(private a: number) { ... }\n    abstract area(): number\n}"
        ),
        "add": "const add = (a: number, b: number): number => ...",
        "LIMIT": "const LIMIT = 3",
        "TABLE": "const TABLE = ...",
        "ext": "function ext(a: number): string;",
        "main": "function main(a: string): void { ... }",
        "default": "function main(a: string): void { ... }",
    }


def test_javascript() -> None:
    source = "class A { x = 1; #y = 2; m(a) { return 1 } }\nvar f = function (x) { return x };\n"
    assert texts(source, "javascript") == {
        "A": "class A {\n    x = 1\n    m(a) { ... }\n}",
        "f": "var f = function (x) ...",
    }
    assert texts("export default class { m() {} }", "javascript") == {
        "default": "class {\n    m() { ... }\n}"
    }


def test_windows_line_ends_are_left_out() -> None:
    assert texts("interface I {\r\n  x: number\r\n}\r\n", "typescript") == {
        "I": "interface I {\n  x: number\n}"
    }


def test_the_parts_that_parse_are_found() -> None:
    assert (
        texts("def fine(a): pass\n\ndef broken(\n\nclass Also: pass\n", "python")["fine"]
        == "def fine(a): ..."
    )


@pytest.mark.parametrize("language", ["rust", "", "plaintext"])
def test_other_languages_have_no_outline(language: str) -> None:
    assert outline_of("fn main() {}", language) == ()


def test_limits() -> None:
    many = "".join(f"    def m{number}(self): ...\n" for number in range(outline.MAX_MEMBERS + 5))
    (symbol,) = outline_of(f"class Big:\n{many}", "python")
    assert symbol.text.count("def ") == outline.MAX_MEMBERS
    functions = "".join(f"def f{number}(): pass\n" for number in range(outline.MAX_SYMBOLS + 5))
    assert len(outline_of(functions, "python")) == outline.MAX_SYMBOLS
    (long,) = outline_of(f"def f({', '.join(f'argument_{n}' for n in range(200))}): pass\n", "python")
    assert len(long.text) <= outline.MAX_HEAD_CHARS + 10


PIECES = st.sampled_from(
    [
        *("def f(", "a: int", "):", "    return SECRET_BODY", "class A:", "x = 1", "@deco", "é = 'ü'", "\r"),
        *("export ", "const f = ", "(a) => {", "}", "interface I {", "default ", "if True:", "#", "/*", "*/"),
    ]
)


@given(
    st.lists(PIECES, max_size=25), st.sampled_from(["python", "javascript", "typescript", "typescriptreact"])
)
@example(["class A:", "@deco"], "python")
def test_any_text_has_an_outline(pieces: list[str], language: str) -> None:
    source = "\n".join(pieces)
    found = outline_of(source, language)
    names = [symbol.name for symbol in found]
    assert len(set(names)) == len(names)
    assert all(symbol.name and symbol.text.strip() for symbol in found)


@given(st.lists(st.sampled_from(["x", "y", "z"]), unique=True, min_size=1), st.integers(1, 5))
def test_no_body_is_in_an_outline(names: list[str], lines: int) -> None:
    body = "".join("    body_word()\n" for _ in range(lines))
    source = "".join(f"def {name}(a):\n{body}" for name in names)
    found = outline_of(source, "python")
    assert [symbol.text for symbol in found] == [f"def {name}(a): ..." for name in names]
