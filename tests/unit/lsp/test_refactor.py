"""Refactorings of Python: the text that they make, and the code that they must leave alone."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.lsp.refactor.extract import extract_variable
from spark_lsp.lsp.refactor.extract_function import extract_function
from spark_lsp.lsp.refactor.inline import Edit, inline_variable
from spark_lsp.lsp.refactor.source import Refused, Source
from spark_lsp.text import edits

ACTIONS = {
    "inline": inline_variable,
    "variable": extract_variable,
    "function": extract_function,
}


def marked(text: str) -> tuple[str, int, int]:
    """Return a text without the marks « and » around its selection."""
    start = text.index("«")
    end = text.index("»") - 1
    return text.replace("«", "").replace("»", ""), start, end


def apply(text: str, made: list[Edit]) -> str:
    return edits.apply_edits(text, [edits.Edit(*each) for each in sorted(made)])


def result(action: str, text: str, name: str = "") -> str:
    source, start, end = marked(text)
    return apply(source, ACTIONS[action](source, start, end, name))


MADE = [
    ("inline", "def f(p):\n    «»x = g(p)\n    return x\n", "def f(p):\n    return g(p)\n"),
    ("inline", "def f(p):\n    x = p + 1\n    return «»x * 2\n", "def f(p):\n    return (p + 1) * 2\n"),
    ("inline", "def f(p):\r\n\tx = 1\r\n\treturn «»x.real\r\n", "def f(p):\r\n\treturn (1).real\r\n"),
    (
        "inline",
        "def f(p):\n    x = p\n    g()\n    return h(«»x, x)\n",
        "def f(p):\n    g()\n    return h(p, p)\n",
    ),
    (
        "inline",
        "def f(p):\n    x = (\n        p,)\n    return «»x\n",
        "def f(p):\n    return (\n        p,)\n",
    ),
    (
        "inline",
        "def f(p):\n    x: int = g(\n        p)\n    return «»x\n",
        "def f(p):\n    return g(\n        p)\n",
    ),
    ("inline", "def f():\n«    x = 1»\n    return [x]\n", "def f():\n    return [1]\n"),
    (
        "variable",
        "def f(p):\n    if «p.x» and p.y:\n        pass\n",
        "def f(p):\n    extracted = p.x\n    if extracted and p.y:\n        pass\n",
    ),
    (
        "variable",
        "def f(é):\r\n\treturn g(«é + 1», 'ü')\r\n",
        "def f(é):\r\n\textracted = é + 1\r\n\treturn g(extracted, 'ü')\r\n",
    ),
    (
        "variable",
        "x = f(«a\n    + b»)\n",
        "extracted = (a\n    + b)\nx = f(extracted)\n",
    ),
    (
        "function",
        "def f(a):\n    for b in a:\n«        a += b\n        # why\n        c = b\n»    return a, c\n",
        (
            "def extracted(a, b):\n    a += b\n    # why\n    c = b\n    return a, c\n\n\n"
            "def f(a):\n    for b in a:\n        a, c = extracted(a, b)\n    return a, c\n"
        ),
    ),
    (
        "function",
        "class A:\n\t# About m.\n\t@d\n\tdef m(self, a):\n\t\t«self.x = a»\n",
        (
            "class A:\n\tdef extracted(self, a):\n\t\tself.x = a\n\n\t# About m.\n\t@d\n\tdef m(self, a):\n"
            "\t\tself.extracted(a)\n"
        ),
    ),
    (
        "function",
        "class A:\n  def m(self, a):\n    return [«a + b» for b in g()]\n",
        (
            "def extracted(a, b):\n  return a + b\n\n\n"
            "class A:\n  def m(self, a):\n    return [extracted(a, b) for b in g()]\n"
        ),
    ),
    (
        "function",
        "def f(a):\n    x = 1\n    «if a:\n        x = 2»\n    return x\n",
        (
            "def extracted(a, x):\n    if a:\n        x = 2\n    return x\n\n\n"
            "def f(a):\n    x = 1\n    x = extracted(a, x)\n    return x\n"
        ),
    ),
    (
        "function",
        "def f(a):\n    def g():\n        «return_me = a»\n        return return_me\n    return g\n",
        (
            "def extracted(a):\n    return_me = a\n    return return_me\n\n\n"
            "def f(a):\n    def g():\n        return_me = extracted(a)\n        return return_me\n"
            "    return g\n"
        ),
    ),
]


@pytest.mark.parametrize(("action", "text", "expected"), MADE)
def test_what_is_made(action: str, text: str, expected: str) -> None:
    assert result(action, text) == expected


REFUSED = [
    ("inline", "«»x = 1\nprint(x)\n", "not a variable of a function"),
    ("inline", "def f(«»p):\n    return p\n", "no variable here"),
    ("inline", "def f(p):\n    return «»p\n", "is a parameter"),
    ("inline", "def f(p):\n    «»x = 1\n    x = 2\n    return x\n", "assigned 2 times"),
    ("inline", "def f(p):\n    «»x, y = p\n    return x\n", "plain assignment"),
    ("inline", "def f(p):\n    for «»x in p:\n        g(x)\n", "plain assignment"),
    ("inline", "def f(p):\n    «»x = 1\n", "never used"),
    ("inline", "def f(p):\n    «»x = 1\n    return lambda: x\n", "nested function"),
    ("inline", "def f(p):\n    «»x = p\n    p = 2\n    return x\n", "changes before the use"),
    ("inline", "def f(p):\n    «»x = p.a\n    p.a = 2\n    return x\n", "may change the value"),
    ("inline", "def f(p):\n    «»x = p + q\n    p.append(1)\n    return x\n", "may change the value"),
    ("inline", "def f(p):\n    «»x = g()\n    return x + x\n", "not its only use"),
    ("inline", "def f(p):\n    «»x = g()\n    return h() + x\n", "another time"),
    ("inline", "def f(p):\n    «»x = g()\n    return p and x\n", "another time"),
    ("inline", "def f(p):\n    «»x = g()\n    while x:\n        pass\n", "another time"),
    ("inline", "def f(p):\n    «»x = g()\n    return [x for _ in p]\n", "another time"),
    ("inline", "def f(p):\n    if p:\n        «»x = 1\n    return x\n", "not always made"),
    ("inline", "def f(p):\n    «»x = p\n    return [x for p in q]\n", "another meaning"),
    ("inline", "def f(p):\n    «»x = yield\n    return x\n", "must stay"),
    ("inline", "def f(p):\n    «»x = 1  # why\n    return x\n", "comment"),
    ("inline", "def f(p):\n    «»x = 1\n    return f'{x}'\n", "f-string"),
    ("inline", "def f(:\n    «»x = 1\n", "does not parse"),
    ("variable", "x = «a + »b\n", "complete expression"),
    ("variable", "def f(p):\n    «g(p)»\n", "complete statement"),
    ("variable", "while «a.b»:\n    pass\n", "exactly once"),
    ("variable", "x = a and «b.c»\n", "exactly once"),
    ("variable", "x = a if b else «c.d»\n", "exactly once"),
    ("variable", "x = [«y.z» for y in a]\n", "exactly once"),
    ("variable", "x = f(a(), «b.c»)\n", "A call in the same statement"),
    ("variable", "if a:\n    pass\nelif «b.c»:\n    pass\n", "no place"),
    ("variable", "if a: x = «b.c»\n", "no place"),
    ("variable", "x = f(«(y := 1)»)\n", "must stay"),
    ("variable", "x = f'{«a.b»}'\n", "complete expression"),
    ("variable", "def f(a=«b.c»):\n    pass\n", "exactly once"),
    ("function", "«x = 1»\n", "not in a function"),
    ("function", "def f(a):\n    «return a»\n", "return"),
    ("function", "def f(a):\n    for b in a:\n        «if b:\n            break»\n", "break leaves"),
    ("function", "async def f(a):\n    «b = await a»\n    return b\n", "await"),
    ("function", "def f(a):\n    if a:\n        x = 1\n    «print(x)»\n", "may have no value"),
    ("function", "def f(a):\n    «if a:\n        x = 1»\n    return x\n", "not always assigned"),
    ("function", "def f(a):\n    global x\n    «x = a»\n", "global or nonlocal"),
    ("function", "def f(a):\n    «x = a»\n    return lambda: x\n", "nested function reads"),
    (
        "function",
        "def f(a):\n    try:\n        «x = a»\n        g()\n    except E:\n        h(x)\n",
        "handler",
    ),
    (
        "function",
        "def f(a):\n    x = a\n    del x\n    «if a:\n        x = 1»\n    return x\n",
        "deletes 'x'",
    ),
    (
        "function",
        "def f(a):\n    x = a\n    try: g()\n    except E as x: pass\n    «g(x)»\n",
        "loses its value",
    ),
    ("function", "def f(a):\n    «print(locals())»\n", "locals"),
    ("function", "def f(a):\n    if a:\n        «x = '''\n  b'''»\n        return x\n", "several lines"),
    ("function", "def f(a):\n    if a:\n        pass\n    «elif a.b:\n        g()»\n", "part of its if"),
    ("function", "def f(a):\n    «g(a); h»(a)\n", "complete"),
    ("function", "def f(a=«b.c»):\n    pass\n", "head of a definition"),
    ("function", "class A:\n    x = «b + c»\n", "directly in a class"),
    ("function", "class A:\n    def m(a):\n        return «b.__c»\n", "private attribute"),
]


@pytest.mark.parametrize(("action", "text", "why"), REFUSED)
def test_what_is_refused(action: str, text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        result(action, text)


@pytest.mark.parametrize("name", ["a", "print it", "class", "1x", "f"])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=r"cannot be a name|already used"):
        result("variable", "def f(a):\n    return «a + 1»\n", name)


def test_a_default_name_is_free() -> None:
    made = result("variable", "def f(extracted):\n    return g(«extracted + 1»)\n")
    assert "extracted_2 = extracted + 1" in made


def test_the_variable_of_a_name_is_inlined() -> None:
    text = "def f(p):\n«    y = p\n    x = 1\n    return x + y»\n"
    assert result("inline", text, "x") == "def f(p):\n    y = p\n    return 1 + y\n"
    with pytest.raises(Refused, match="no variable 'z'"):
        result("inline", text, "z")


LINES = st.lists(
    st.sampled_from(
        [
            *("a = b + 1", "b += a", "c = [a, b]", "c[0] = a", "a = a", "b = f(a)", "d = c", "pass", "f(d)"),
            *(
                "if a:\n    b = 2",
                "for a in c:\n    b += a",
                "for e in c:\n    d = e",
                "del d",
                "# note\na = 1",
            ),
            *(
                "if a:\n    d = 1\nelse:\n    d = 2",
                "with f(a) as d:\n    b = d",
                "a, e = b, a",
                "c = c + [b]",
            ),
            *("try:\n    d = b\n    f(None)\nexcept TypeError:\n    f(d)", "e = [d for d in c]"),
            *("try:\n    f(None)\nexcept TypeError as d:\n    f(d)", "d = a if b else c"),
        ]
    ),
    min_size=1,
    max_size=6,
)


class Heard(list[object]):
    """The function `f`, which records its arguments, and a context manager."""

    def __call__(self, value: object) -> "Heard":
        if value is None:
            raise TypeError
        self.append(value if isinstance(value, int) else str(value))
        return self

    def __enter__(self) -> int:
        return 7

    def __exit__(self, *_: object) -> None:
        self.append("left")

    def __add__(self, other: object) -> int:  # type: ignore[override]
        return 1


def behaviour(text: str) -> tuple[list[object], str]:
    """Run `g` of a text; return what it did and its result, or the kind of its error."""
    heard = Heard()
    space: dict[str, Any] = {"f": heard}
    exec(compile(text, "text", "exec"), space)
    try:
        outcome = repr(space["g"](1, 2, [3, 4]))
    except Exception as error:
        outcome = type(error).__name__
    return list(heard), outcome


def written(body: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return a function with these lines in a loop, and the places of its lines."""
    lines = [line for each in body for line in each.split("\n")]
    head = "def g(a, b, c):\n    for _ in (1, 2):\n"
    text = head + "".join(f"        {line}\n" for line in lines) + "    return a, b, c, d\n"
    starts = [len(head) + sum(len(line) + 9 for line in lines[:number]) for number in range(len(lines))]
    return text, [(start, start + len(line) + 8) for start, line in zip(starts, lines, strict=True)]


@given(LINES, st.data())
def test_an_extracted_function_does_what_its_lines_did(body: list[str], data: st.DataObject) -> None:
    text, places = written(body)
    first = data.draw(st.integers(0, len(places) - 1))
    last = data.draw(st.integers(first, len(places) - 1))
    try:
        made = apply(text, extract_function(text, places[first][0], places[last][1], "new"))
    except Refused:
        return
    assert behaviour(made) == behaviour(text)


@given(LINES, st.data())
def test_an_inlined_variable_has_the_value_that_it_had(body: list[str], data: st.DataObject) -> None:
    text, places = written(body)
    start, end = data.draw(st.sampled_from(places))
    try:
        made = apply(text, inline_variable(text, start, end))
    except Refused:
        return
    assert behaviour(made) == behaviour(text)


@given(LINES, st.data())
def test_an_extracted_variable_has_the_value_of_its_expression(body: list[str], data: st.DataObject) -> None:
    text, places = written(body)
    start, end = data.draw(st.sampled_from(places))
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.expr)]
    spans = [Source(text).span(node) for node in nodes]
    inside = [span for span in spans if start <= span[0] and span[1] <= end]
    if not inside:
        return
    try:
        made = apply(text, extract_variable(text, *data.draw(st.sampled_from(inside))))
    except Refused:
        return
    assert behaviour(made) == behaviour(text)
