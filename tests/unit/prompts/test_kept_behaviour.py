"""Checks of what the code still does: damage of the kinds that small models did, and right edits like it."""

import pytest

from spark_lsp.codes import Code
from tests.unit.prompts.test_checks import code_of, refusal_of

REMOVES, RESULT = Code.PROPOSAL_REMOVES_CODE, Code.PROPOSAL_CHANGES_INTERFACE
PYTHON_LOOP = """\
def f(act, n):
    for _ in range(n):
        try:
            return act()
        except OSError:
"""
SCRIPT_LOOP = "function f(xs) {\n  for (const x of xs) {\n    try { return x(); } catch (e) {\n"
ONES = "def f(xs):\n    seen = []\n    for x in xs:\n        seen.append(x)\n    return seen\n"
FIND = "def f(xs, k):\n    for x in xs:\n        if x >= k:\n            return x\n    return None\n"
LOOP_FROM_TWO = "def fib(n):\n    a, b = 0, 1\n    for _ in range(2, n + 1):\n        a, b = b, a + b\n"
RECURSION = "def fib(n):\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)\n"


def check(language: str, old: str, new: str, words: str = "", action: str = "instruct") -> Code | None:
    return code_of(refusal_of(old, new, text=old, language=language, action=action, words=words))


@pytest.mark.parametrize(
    ("language", "old", "new", "code"),
    [
        (
            "python",
            PYTHON_LOOP + "            wait()\n",
            PYTHON_LOOP + "            wait()\n            raise\n",
            True,
        ),
        (
            "python",
            PYTHON_LOOP + "            wait()\n",
            PYTHON_LOOP + "            if n < 2:\n                raise\n            wait()\n",
            False,
        ),
        (
            "python",
            PYTHON_LOOP + "            wait()\n",
            PYTHON_LOOP + "            if n:\n                continue\n            raise\n",
            False,
        ),
        (
            "typescript",
            SCRIPT_LOOP + "    }\n  }\n}\n",
            SCRIPT_LOOP + "      throw e;\n    }\n  }\n}\n",
            True,
        ),
        (
            "typescript",
            SCRIPT_LOOP + "    }\n  }\n}\n",
            SCRIPT_LOOP + "      if (!x.ok) throw e;\n    }\n  }\n}\n",
            False,
        ),
    ],
)
def test_a_loop_still_repeats(language: str, old: str, new: str, *, code: bool) -> None:
    assert check(language, old, new) == (Code.PROPOSAL_UNREACHABLE_CODE if code else None)


@pytest.mark.parametrize(
    ("language", "old", "new", "is_right"),
    [
        ("python", "def f(a):\n    return a()\n", "def f(a):\n    return await a()\n", False),
        ("python", "def f(a):\n    return a()\n", "async def f(a):\n    return await a()\n", True),
        ("python", "x = run()\n", "x = await run()\n", True),
        ("python", "for x in y:\n    g(x)\n", "g(y)\nbreak\n", False),
        ("python", "for x in y:\n    g(x)\n", "for x in y:\n    g(x)\n    if x:\n        break\n", True),
        ("javascript", "function f(a) { return a(); }\n", "function f(a) { return await a(); }\n", False),
        ("javascript", "const f = (a) => a();\n", "const f = async (a) => await a();\n", True),
        ("typescript", "switch (a) { case 1: g(); }\n", "switch (a) { case 1: g(); break; }\n", True),
    ],
)
def test_statements_are_where_they_may_be(language: str, old: str, new: str, *, is_right: bool) -> None:
    assert check(language, old, new) == (None if is_right else Code.PROPOSAL_DOES_NOT_PARSE)


@pytest.mark.parametrize(
    ("old", "new", "words", "code"),
    [
        (ONES, ONES.replace("[]", "set()").replace("append", "add"), "Use a set", RESULT),
        (ONES, ONES.replace("[]", "set()").replace("append", "add"), "Return a set", None),
        (ONES, "def f(xs):\n    return list(dict.fromkeys(xs))\n", "Use a dict", None),
        (FIND, "def f(xs, k):\n    return bisect.bisect(xs, k)\n", "Use bisect instead of the loop", RESULT),
        (FIND, "def f(xs, k):\n    return next((x for x in xs if x >= k), None)\n", "Use next", None),
        (FIND, "def f(xs, k):\n    return xs.get(k)\n", "Use the dict", None),
        (FIND, FIND.replace("return None", "raise KeyError(k)"), "Raise KeyError if nothing is found", None),
    ],
)
def test_results_keep_their_kind(old: str, new: str, words: str, code: Code | None) -> None:
    assert check("python", "import bisect\n" + old, "import bisect\n" + new, words) == code


def test_the_result_of_a_script_keeps_its_kind() -> None:
    old = "function f(xs) {\n  const seen = [];\n  for (const x of xs) seen.push(x);\n  return seen;\n}\n"
    new = (
        "function f(xs) {\n  const seen = new Set();\n  for (const x of xs) seen.add(x);\n  return seen;\n}\n"
    )
    assert check("javascript", old, new, "Use a Set") == RESULT
    assert check("javascript", old, new.replace("return seen", "return [...seen]"), "Use a Set") is None


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (LOOP_FROM_TWO + "    return b\n", REMOVES),
        (
            "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
            None,
        ),
        (LOOP_FROM_TWO + "    return b if n else 0\n", None),
    ],
)
def test_a_loop_keeps_the_case_in_which_the_recursion_ended(new: str, code: Code | None) -> None:
    assert check("python", RECURSION, new, "Make this iterative", "optimise") == code


@pytest.mark.parametrize(
    ("language", "old", "new", "words", "code"),
    [
        (
            "python",
            "x = a(s) == 'yes' or s == 'on'\n",
            "x = a(s) == s.upper()\n",
            "Accept upper case",
            REMOVES,
        ),
        (
            "rust",
            'fn f(s: &str) -> bool { s == "yes" }\n',
            "fn f(s: &str) -> bool { s.is_ok() }\n",
            "",
            REMOVES,
        ),
        ("go", 'x := s == "yes" || s == "on"\n', "x := unicode(s)\n", "Accept upper case", REMOVES),
        ("go", 'x := s == "yes"\n', 'x := s == "ja"\n', "The word is German", None),
        ("c", 'puts("done"); // don\'t\n', "finish();\n", "Use finish instead of puts", None),
        (
            "lua",
            "if u.count < 2 then return u end\n",
            "if count < 2 then return u end\n",
            "Reformat",
            REMOVES,
        ),
        ("ruby", "x = item.count if item.count < 3\n", "x = count if count < 3\n", "Shorter", REMOVES),
        ("go", "if it.count < 2 { f(it.count) }\n", "if n := it.count; n < 2 { f(n) }\n", "Shorter", None),
        (
            "python",
            "def f(s):\n    p = s.split()\n    return '.'.join(p) + '.'\n",
            "def f(s):\n    p = s.split()\n    return '.'.join(p)\n",
            "Return an empty text for a name without words",
            REMOVES,
        ),
        (
            "go",
            "func f(n int) int {\n\treturn n + 1\n}\n",
            "func f(n int) int {\n\tif n < 0 {\n\t\treturn 0\n\t}\n\treturn n\n}\n",
            "Return 0 if n is negative",
            REMOVES,
        ),
        (
            "go",
            "func f(n int) int {\n\treturn n + 1\n}\n",
            "func f(n int) int {\n\tif n < 0 {\n\t\treturn 0\n\t}\n\treturn n + 1\n}\n",
            "Return 0 if n is negative",
            None,
        ),
        (
            "lua",
            "function f(n)\n  return g(n)\nend\n",
            "function f(n)\n  if not n then return nil end\n  return g(n)\nend\n",
            "Return nil if n is missing",
            None,
        ),
    ],
)
def test_values_stay(language: str, old: str, new: str, words: str, code: Code | None) -> None:
    assert check(language, old, new, words) == code


@pytest.mark.parametrize("language", ["python", "typescript", "rust", "go", "c", "lua", "ruby"])
@pytest.mark.parametrize(
    ("deleted", "words", "code"),
    [
        ("g.reverse()", "Simplify this", REMOVES),
        ("g.reverse()", "Remove the call of reverse", None),
        ("g.sort()", "Simplify this", None),  # it is there twice
    ],
)
def test_a_simpler_text_keeps_its_effects(language: str, deleted: str, words: str, code: Code | None) -> None:
    lines = ["g.sort()", "g.reverse()", "g.sort()", "h(g)"]
    kept = [
        line for number, line in enumerate(lines) if line != deleted or (deleted == "g.sort()" and number)
    ]
    assert check(language, "\n".join(lines) + "\n", "\n".join(kept) + "\n", words, "simplify") == code


@pytest.mark.parametrize(
    ("old", "new", "is_right"),
    [
        ("const a = f();\ng(b);\n", "const a = f();\nconst a = 1;\ng(a);\n", False),
        ("function f(a) { return a; }\n", "function f(a) { const a = 1; return a; }\n", False),
        ("function f(a) { return a; }\n", "function f(a) { if (a) { const a = 1; } return a; }\n", True),
        ("var a = 1;\ng(a);\n", "var a = 1;\nvar a = 2;\ng(a);\n", True),
    ],
)
def test_a_block_declares_a_name_once(old: str, new: str, *, is_right: bool) -> None:
    assert check("javascript", old, new) == (None if is_right else Code.PROPOSAL_DUPLICATE)


@pytest.mark.parametrize(
    ("language", "old", "new", "is_right"),
    [
        ("javascript", "x = a + ': ' + (b * c).toFixed(2);\n", "x = `${a}: ${(b * c).toFixed(2)}`;\n", True),
        ("javascript", "x = a + ': ' + (b * c).toFixed(2);\n", "x = `${a}: ${b * c.toFixed(2)}`;\n", False),
        ("python", "x = a.h + ':' + str(a.p)\n", "x = f'{a.h}:{a.p}'\n", True),
        ("python", "x = a.h + ':' + str(a.p)\n", "x = f'{a.h}{a.p}'\n", False),
        ("python", "x = '%s: %.2f' % (a, b)\n", "x = f'{a}: {b:.2f}'\n", True),
    ],
)
def test_a_template_has_the_same_parts(language: str, old: str, new: str, *, is_right: bool) -> None:
    words = "Use a template literal" if language == "javascript" else "Use an f-string"
    assert check(language, old, new, words) == (None if is_right else Code.PROPOSAL_CHANGES_CODE)
