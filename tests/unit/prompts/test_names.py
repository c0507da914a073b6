"""Names and attributes in inserted code that do not exist: what must be reported, and what must not."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.names import LANGUAGES, MAX_KNOWN, find_attributes, find_unresolved
from spark_lsp.prompts.names_python import GLOBALS

CURSOR = "<>"


def names_in(text: str, inserted: str, language: str = "python") -> list[str]:
    """Return the names found in `inserted` at the place of `CURSOR` in `text`."""
    before, _, after = text.partition(CURSOR)
    return [each.name for each in find_unresolved(before, inserted, after, language)]


@pytest.mark.parametrize(
    ("text", "inserted"),
    [
        ("import os\n<>", "print(os.getcwd())"),
        ("import a.b as c, d.e\n<>", "c(d)"),
        ("from x import (y, z as w)\n<>", "y(w)"),
        ("def f(a, b: int, *args, c=1, d: int = 2, **kw):\n    <>", "return a, b, args, c, d, kw"),
        ("def f(a, /, *, b): <>", "return a + b"),
        ("def f[T: int, *Ts, **P](a): <>", "x: T = Ts, P"),
        ("type X[T] = list[T]\n<>", "y: X[T] = []"),
        ("class A[T](B): pass\n<>", "A(B, T)"),
        ("<>", "with open(p := 'x') as f, f as (g, h):\n    print(f, g, h, p)"),
        ("<>", "try:\n    pass\nexcept ValueError as e:\n    raise KeyError from e"),
        ("<>", "for a, (b, *c) in []:\n    print(a, b, c)"),
        ("<>", "print([x + y for x, y in [] if x], {k: v for k, v in []}, (q for q in []))"),
        ("<>", "f = lambda q, *r, s=1, **t: (q, r, s, t)"),
        (
            "<>",
            "async def g():\n    async with a as b:\n        async for c in b:\n            yield c\na = 1",
        ),
        ("<>", "match 1:\n    case [a, *r] | {'k': v, **kw} as z:\n        print(a, r, v, kw, z)"),
        ("class P: pass\n<>", "match 1:\n    case P(x=0, y=q) as n:\n        print(q, n)"),
        ("<>", "def f(n):\n    return f(n - 1)"),
        ("<>", "class C:\n    x: int = 1\n    y = x"),
        ("def f():\n    global g\n    <>", "g = 1\n    return g"),
        ("x, y = 1, 2\n[z] = [3]\n(u, v) = 4, 5\n<>", "print(x, y, z, u, v)"),
        ("if (n := 1): pass\n<>", "n"),
        ("from x import *\n<>", "whatever(there.may.be)"),
        ("print(globals())\n<>", "whatever"),
        ("exec('x = 1')\n<>", "x"),
        ("<>", "print(__name__, __file__, __doc__)"),
        ("<>", "_ = 1; print(__)"),
        ("<>", "f(keyword=1)\ndef f(**k): ..."),
        ("a = 1\n<>", "a.attribute.other"),
        ("<>", "'name in a string'  # name in a comment"),
        ("print(used_elsewhere)\n<>", "used_elsewhere()"),
        ("<>", "import numpy as np\nnp.zeros(3)"),
        ("x = 1\nprint(f'{x!r:>{x}}')\n<>", "f'{x!r:>{x}}'"),
        ("@<>\ndef f(): pass\ndef deco(g): return g\n", "deco"),
        ("def f(x):\n    retu<>", "rn x"),
        ("value = 1\nval<>\n", "ue"),
        ("try:\n    import tomllib\nexcept ImportError:\n    tomllib = None\n<>", "tomllib.loads('')"),
        ("<>", "del x\nx = 1"),
        ("def f(x: typing.List[int]): pass\nimport typing\n<>", "y: typing.Dict[str, int]"),
        ("<>", "def f(((("),
        ("größe = 1\n<>", "print(größe)"),
        ("x = 1\r\ny = '\U0001f600'\r\n<>\r\nz = 2\r\n", "x + z\r\ny"),
    ],
)
def test_names_that_exist_in_python(text: str, inserted: str) -> None:
    assert names_in(text, inserted) == []


@pytest.mark.parametrize(
    ("text", "inserted", "names"),
    [
        ("<>", "print(x)", ["x"]),
        ("def f(a):\n    <>\n", "return a + b", ["b"]),
        ("<>", "x += 1", ["x"]),
        ("<>", "f'{missing!r}'", ["missing"]),
        ("<>", "[x for y in []]", ["x"]),
        ("# x\n's x'\n<>", "x", ["x"]),
        ("o = 1\no.x\nprint(x=1)\n<>", "x", ["x"]),
        ("<>", "f(keyword=value)\ndef f(**k): ...", ["value"]),
        ("<>", "@decorator\ndef f(a: Kind) -> Result: ...", ["decorator", "Kind", "Result"]),
        ("<>", "class A(Base): pass", ["Base"]),
        ("<>", "try:\n    pass\nexcept Missing as e:\n    pass", ["Missing"]),
        ("<>", "match 1:\n    case Color.RED: pass\n    case Point(x=0): pass", ["Color", "Point"]),
        ("<>", "with a as b: pass", ["a"]),
        ("<>", "def f[T: Bound](x: T): ...", ["Bound"]),
        ("<>", "x: list[Element] = []", ["Element"]),
        ("import xs\n<>", "unbound.attribute(xs)", ["unbound"]),
        ("x = 1\r\ny = '\U0001f600'\r\n<>\r\n", "x\r\nz", ["z"]),
        ("def broken(:\n    pass\n\n\nx = 1\n<>\n", "y = x + wrong\n", ["wrong"]),
    ],
)
def test_names_that_do_not_exist_in_python(text: str, inserted: str, names: list[str]) -> None:
    assert names_in(text, inserted) == names


CLASS = """\
class Base:
    shared = 1

    def helper(self): ...


class Cart({base}):
    size: int

    def __init__(self, prices, rate):
        self.prices, (self.rate, _) = prices, (rate, 1)

    @classmethod
    def make(cls): ...

    def total(self):
        <>
"""


@pytest.mark.parametrize(
    ("base", "inserted", "names"),
    [
        ("", "return self.prices + self.rate + self.size + self.make()", []),
        ("", "return self.price", ["price"]),
        ("", "return cls.maker()", ["maker"]),
        ("", "self.new = 1\n        return self.new", []),
        ("", "return self.__class__, self.__dict__", []),
        ("", "return self.helper()", ["helper"]),
        ("Base", "return self.helper() + self.shared", []),
        ("Base", "return self.helpers()", ["helpers"]),
        ("Unknown", "return self.helpers()", []),
        ("Base, Unknown", "return self.helpers()", []),
        ("metaclass=M", "return self.helpers()", []),
        ("dict", "return self.items() + self.itemize()", ["itemize"]),
        ("Exception", "return self.args, self.arg", ["arg"]),
        ("Cart", "return self.helpers()", []),
        ("", "return other.prices", []),
        ("", "return rate", []),
    ],
)
def test_attributes_of_self(base: str, inserted: str, names: list[str]) -> None:
    found = names_in(CLASS.format(base=base) + "\nM = Unknown = other = cls = 1\n", inserted)
    assert found == names


@pytest.mark.parametrize(
    "head",
    [
        "class A:\n    def __getattr__(self, name): ...\n",
        "class A:\n    def g(self): setattr(self, 'b', 1)\n",
        "class A:\n    def g(self): self.__dict__.update(b=1)\n",
        "class NamesMixin:\n",
        "@register\nclass A:\n",
        "def register(f): ...\nclass B(register): ...\nclass A(B):\n",
    ],
)
def test_a_class_that_may_have_other_attributes(head: str) -> None:
    assert names_in(f"{head}    def f(self):\n        <>\nregister = 1\n", "return self.b") == []


def test_attributes_of_a_local_variable_are_not_those_of_self() -> None:
    text = "class A:\n    def f(self, items):\n        total = 1\n        <>\n"
    assert names_in(text, "return self.total") == ["total"]


def test_a_nested_class_has_its_own_attributes() -> None:
    text = "class A:\n    x = 1\n    class B:\n        y = 1\n        def f(self):\n            <>\n"
    assert names_in(text, "return self.y") == []
    assert names_in(text, "return self.x") == ["x"]


def test_known_names_are_close_ones_first_and_few() -> None:
    members = "".join(f"    value_{number} = {number}\n" for number in range(20))
    text = f"class A:\n    amount = 1\n{members}    def f(self):\n        "
    (found,) = find_unresolved(text, "return self.amounts", "\n", "python")
    assert found.known[0] == "amount"
    assert len(found.known) <= MAX_KNOWN
    assert (found.of, found.kind) == ("self", "attribute")
    (found,) = find_unresolved("import statistics\ncounter = 1\n", "countre + 1", "", "python")
    assert found.known[0] == "counter"


def test_a_module_that_is_only_not_imported_is_marked() -> None:
    found = find_unresolved("", "os.getcwd(); np.zeros(3); oss.x; json = os", "", "python")
    assert [(each.name, each.is_module) for each in found] == [
        ("os", True), ("np", True), ("oss", False), ("os", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "inserted", "kept"),
    [
        ("def f(a):\n    ", "b = a\n    return c\n", "b = a"),
        ("def f(a):\n    ", "return c\n", ""),
        ("def f(a):\n    ", "b = a\n    b(\n        a,\n        c,\n    )\n", "b = a"),
        ("def f(a):\n    ", "b = a\n    for each in b:\n        if each:\n            c()\n", "b = a"),
        ("def f(a):\n    ", "b = a\r\n    return c\r\n", "b = a"),
        ("def f(a):\n    if a", ":\n        b = a\n        c()\n", ":\n        b = a"),
        ("", "def f(a):\n    b = a\n    return c\n", "def f(a):\n    b = a"),
    ],
)
def test_the_cut_is_before_the_statement(before: str, inserted: str, kept: str) -> None:
    found = find_unresolved(before, inserted, "\n", "python")
    assert [each.name for each in found] == ["c"]
    assert inserted[: found[0].cut] == kept
    assert inserted[found[0].offset :].startswith("c")


@pytest.mark.parametrize(
    ("text", "inserted"),
    [
        ("<>", "const {a, b: c, ...d} = {}; const [e, f = 1] = []; g(a, c, d, e, f); function g() {}"),
        ("<>", "for (const k of []) { k() }\ntry {} catch (e) { e }"),
        ("<>", "const f = (a, {b, c: [d]}, ...r) => a + b + d + r; const g = x => x;"),
        ("import D, {E as F, G} from 'm'; import * as N from 'n';<>", "D(F, G, N)"),
        ("<>", "document.querySelector('a'); console.log(process.env, setTimeout, undefined, NaN)"),
        ("<>", "function* gen(p) { yield p; gen(arguments) } class A {} new A()"),
        ("let x = 1;<>", "({x, y: x, m() { return x }})"),
        ("<>", "label: for (;;) { break label }"),
        ("/* global shared */<>", "shared()"),
        ("const q = 1;<>", "const {a = q} = {}"),
    ],
)
@pytest.mark.parametrize("language", ["javascript", "typescript"])
def test_names_that_exist_in_javascript(text: str, inserted: str, language: str) -> None:
    assert names_in(f"export {{}};\n{text}", inserted, language) == []


@pytest.mark.parametrize(
    ("text", "inserted", "names"),
    [
        ("<>", "missing(1)", ["missing"]),
        ("function f(a) { <> }", "return a + b", ["b"]),
        ("<>", "const {a = q} = {}", ["q"]),
        ("<>", "({x, y: z})", ["x", "z"]),
        ("o.x; ({x: 1});\nconst o = 1;<>", "x", ["x"]),
        ("<>", "const s = `${missing}`", ["missing"]),
        ("<>", "class A extends Base {}", ["Base"]),
    ],
)
@pytest.mark.parametrize("language", ["javascript", "typescript", "javascriptreact", "typescriptreact"])
def test_names_that_do_not_exist_in_javascript(
    text: str, inserted: str, names: list[str], language: str
) -> None:
    assert names_in(f"export {{}};\n{text}", inserted, language) == names


def test_a_script_shares_its_names_with_other_scripts() -> None:
    assert names_in("<>", "missing(1)", "javascript") == []


def test_types_and_elements() -> None:
    text = "import x from 'x';\n<>"
    inserted = (
        "enum E {A}\nnamespace M {}\nlet v: Ambient<E> = x as Other; function f(this: X, a?: number) { a; M }"
    )
    assert names_in(text, inserted, "typescript") == []
    assert names_in(text, "const e = <div><Foo a={b}/></div>", "typescriptreact") == ["Foo", "b"]


@pytest.mark.parametrize(
    ("text", "inserted", "names"),
    [
        ("class A { a = 1; #p; m() { <> } }", "return this.a + this.#p + this.m()", []),
        ("class A { a = 1; m() { <> } }", "return this.b", ["b"]),
        ("class A { m() { this.x = 1; [].map(() => { <> }) } }", "this.x; this.y", ["y"]),
        ("class A { m() { return function () { <> } } }", "return this.y", []),
        ("class B { b = 1 } class A extends B { m() { <> } }", "return this.b + this.c", ["c"]),
        ("class A extends Unknown { m() { <> } }", "return this.c", []),
        ("const o = { m() { <> } }", "return this.c", []),
        ("class A { m() { <> } }", "this.n = 1; return this.n", []),
    ],
)
def test_attributes_of_this(text: str, inserted: str, names: list[str]) -> None:
    for language in ("javascript", "typescript"):
        assert names_in(f"export {{}}; const Unknown = 1;\n{text}", inserted, language) == names


def test_attributes_of_this_in_typescript_only() -> None:
    text = "export class A { constructor(private q, readonly r: number) {} get z() { return 1 } m() { <> } }"
    assert names_in(text, "return this.q + this.r + this.z + this.s", "typescript") == ["s"]
    assert names_in("export class A { [k: string]: any; m() { <> } }", "this.s", "typescript") == []
    assert names_in("export interface A { s: 1 }\nclass A { m() { <> } }", "this.s", "typescript") == []


def test_attributes_of_other_objects_are_listed_unless_the_file_uses_them() -> None:
    found = find_attributes("c.used\n", "c.used(c.fresh.deep)\nself.x; c.new = 1; c.__len__", "", "python")
    assert [(each.name, each.of) for each in found] == [("fresh", "c"), ("deep", "c.fresh")]
    assert find_attributes("", "a.b", "", "typescript") == ()


def test_other_languages_and_empty_texts() -> None:
    assert find_unresolved("", "fn f() { missing }", "", "rust") == ()
    assert find_unresolved("", "  \n", "", "python") == ()
    assert find_unresolved("x\n" * 150_000, "missing", "", "python") == ()


@given(st.text(), st.text(), st.text(), st.sampled_from([*LANGUAGES, "rust"]))
def test_no_text_raises(before: str, inserted: str, after: str, language: str) -> None:
    for found in find_unresolved(before, inserted, after, language):
        assert 0 <= found.cut <= len(inserted)
        assert 0 <= found.offset < len(inserted)
    find_attributes(before, inserted, after, language)


BINDINGS = [
    "{} = 1\n", "import {}\n", "from m import {}\n", "import m as {}\n", "def {}(): pass\n",
    "class {}: pass\n", "def f({}): pass\n", "def f(*, {}=1): pass\n", "def f(*{}): pass\n",
    "for {} in []: pass\n",
    "{}: int\n", "with m as {}: pass\n", "try: pass\nexcept E as {}: pass\n", "[1 for {} in []]\n",
    "lambda {}: 1\n",
    "(a, [*{}]) = m\n", "({} := 1)\n", "def f():\n    global {}\n", "match m:\n    case {}: pass\n",
    "type {} = int\n", "def f[{}](): pass\n",
]  # fmt: skip
WORD = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda word: f"{word} = 1".isascii() and word.isidentifier() and not _is_keyword(word)
)


def _is_keyword(word: str) -> bool:
    return keyword.iskeyword(word) or keyword.issoftkeyword(word) or word in ("print", "exec")


@given(WORD, st.sampled_from(BINDINGS), st.booleans())
def test_a_name_that_is_bound_is_never_reported(word: str, binding: str, is_inserted: bool) -> None:
    bound = binding.format(word)
    before, inserted = ("", f"{bound}use({word})\n") if is_inserted else (bound, f"use({word})\n")
    names = [each.name for each in find_unresolved(before, inserted, "", "python")]
    assert word not in names or word == "use"


@given(WORD)
def test_a_name_that_is_bound_nowhere_is_reported(word: str) -> None:
    names = [each.name for each in find_unresolved("x = 1\n", f"y = {word}\n", "", "python")]
    exists = word in ("x", "y") or word in GLOBALS or not word.strip("_")
    assert (word in names) == (not exists)
