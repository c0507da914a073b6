"""One case for each code action of the table; each editor's walk of the actions runs all of them."""

from dataclasses import dataclass
from pathlib import Path

from spark_lsp.prompts import actions

TEXT = """import os


def total(prices, rate):
    # noch ohne Steuer
    result = 0
    for each in prices:
        result += each * (1 + rate)
    return result


def later(a):
    raise NotImplementedError
"""
TOTAL = TEXT[TEXT.index("def total") : TEXT.index("\n\n\ndef later")]
TESTS = "from sums import total\n\n\ndef test_total():\n    assert total([1], 0) == 1\n"
EXPLANATION = "It adds up prices."
INLINED = "def f(a):\n    b = a + 1\n    return b\n"


@dataclass(frozen=True, slots=True)
class Case:
    """What a user does with an action, and the text afterwards.

    The cursor is put on `at`, and `selected` characters are selected from there. `said` is the answer of the
    engine. `given` is the user's answer to the question that the action asks. `default` is the text after the
    action in an editor that cannot ask, or empty if the action needs no answer.
    """

    title: str
    at: str
    expected: str
    said: str = "this would never parse ("  # for an action that needs no model
    given: str = ""
    default: str = ""
    selected: int = 0
    text: str = TEXT

    @property
    def position(self) -> tuple[int, int]:
        """The line and the column of the cursor, from 1 and from 0."""
        before = self.text[: self.text.index(self.at)]
        return before.count("\n") + 1, len(before) - before.rfind("\n") - 1


def _fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def _rewritten(name: str, old: str, new: str, *, given: str = "") -> Case:
    """Return a case in which the engine writes the function with one change."""
    said = _fenced(TOTAL.replace(old, new))
    return Case(actions.title_of(name), "result = 0", TEXT.replace(old, new), said, given)


def _extracted(name: str) -> str:
    return TEXT.replace("        result +=", f"        {name} = 1 + rate\n        result +=").replace(
        "(1 + rate)", f"({name})"
    )


def _function(name: str) -> str:
    made = f"def {name}(each, rate):\n    return each * (1 + rate)\n\n\n"
    return TEXT.replace("def total", f"{made}def total").replace(
        "result += each * (1 + rate)", f"result += {name}(each, rate)"
    )


CASES = {
    # The editors bring the diagnostics of another server.
    "fix": Case("Fix: ", "os", TEXT.removeprefix("import os\n")),
    "fix_all": Case(
        actions.title_of("fix_all"),
        "import os",
        "def f(a):\n    return a\n",
        text="import os\nimport re\ndef f(a):\n    return a\n",
    ),
    "instruct": _rewritten("instruct", "result = 0", "result = 1", given="start at one"),
    "document": Case(
        actions.title_of("document"),
        "result = 0",
        TEXT.replace("    # noch", '    """Add the prices."""\n    # noch'),
        "Add the prices.",
    ),
    "complete": Case(
        actions.title_of("complete"),
        "raise",
        TEXT.replace("raise NotImplementedError", "return a"),
        _fenced("    return a"),
    ),
    "types": _rewritten("types", "prices, rate", "prices: list[float], rate: float"),
    "tests": Case(actions.title_of("tests"), "result = 0", TEXT, _fenced(TESTS.rstrip())),
    "simplify": _rewritten("simplify", "1 + rate", "rate + 1"),
    "optimise": _rewritten("optimise", "result = 0", "result = 0.0"),
    "translate": Case(
        actions.title_of("translate"),
        "result = 0",
        TEXT.replace("noch ohne Steuer", "still without tax"),
        _fenced("    # still without tax"),
    ),
    "rename": Case(
        "Rename `result`",
        "result = 0",
        TEXT.replace("result", "amount"),
        given="amount",
        default=TEXT.replace("result", "result_renamed"),
    ),
    "inline": Case("Inline variable `b`", "b =", "def f(a):\n    return a + 1\n", text=INLINED),
    "extract_variable": Case(
        actions.title_of("extract_variable"),
        "1 + rate",
        _extracted("taxed"),
        given="taxed",
        default=_extracted("extracted"),
        selected=8,
    ),
    "extract_function": Case(
        actions.title_of("extract_function"),
        "each * (1 + rate)",
        _function("add_tax"),
        given="add_tax",
        default=_function("extracted"),
        selected=17,
    ),
    "explain": Case(actions.title_of("explain"), "result = 0", TEXT, EXPLANATION),
}
NAMES = [action.name for action in actions.ACTIONS]


def write_engines(folder: Path) -> None:
    """Add an engine for each case to the configuration in a folder; it has the case's name and its answer."""
    lines = [""]
    for name, case in CASES.items():
        (folder / f"action_{name}.txt").write_text(case.said)
        lines.append(f'[engines.{name}]\nkind = "replay"\ntext = "action_{name}.txt"\n')
    with (folder / "config.toml").open("a") as file:
        file.write("\n".join(lines))
