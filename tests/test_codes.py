"""The list of codes is closed, each code can occur, and no decision is left to the words of a sentence.

Sentences are for people and may be reworded. The first half walks the source for uses of the codes; the
second looks in its syntax trees, and in the editors' clients line by line, for comparisons with a sentence.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from spark_lsp.codes import MEANINGS, Code, Reason, to_known_code
from spark_lsp.lsp.status import State
from spark_lsp.session.reasons import PASSING, TEXTS
from tests.sources import parse

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "spark_lsp"
FILES = sorted(SOURCE.rglob("*.py"))
EDITORS = ROOT / "editors"
STATES = {Code(state) for state in get_args(State)}  # a status takes its state's name where it knows no more


# The codes.


def test_every_code_is_in_snake_case_and_has_a_meaning() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in Code)
    assert list(MEANINGS) == list(Code)
    assert len(set(MEANINGS.values())) == len(Code)


def test_a_code_of_a_later_release_becomes_one_that_is_known() -> None:
    assert to_known_code("engine_busy", Code.ENGINE_FAILED) is Code.ENGINE_BUSY
    assert to_known_code("of a later release", Code.ENGINE_FAILED) is Code.ENGINE_FAILED
    assert to_known_code(None, "") == ""


def made_in(tree: ast.AST, *, at_top: bool = True) -> Iterator[str]:
    """Give the names of the codes that code makes use of: not those that it compares with or lists."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Compare) or (at_top and _is_list(node)):
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code":
            yield node.attr
        yield from made_in(node, at_top=at_top and isinstance(node, ast.ClassDef))


def _is_list(node: ast.AST) -> bool:
    """Whether a statement defines a table or a list of codes: that produces none of them."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Tuple):
        return all(isinstance(each, ast.Attribute) for each in value.elts)
    named = value.func if isinstance(value, ast.Call) else None
    return isinstance(value, ast.Dict) or (isinstance(named, ast.Name) and named.id == "frozenset")


def users() -> dict[str, set[str]]:
    """Return the files that make use of each code, by its name."""
    found: dict[str, set[str]] = {code.name: set() for code in Code}
    for file in FILES:
        if file.name != "codes.py":
            for name in made_in(parse(file)):
                found[name].add(file.relative_to(SOURCE).as_posix())
    for code in child_codes():
        found[code.name].add("engine/local/child.py")
    return found


def child_codes() -> list[Code]:
    """Return the codes of the child process, which imports nothing of ours and names them by their texts."""
    tree = parse(SOURCE / "engine" / "local" / "child.py")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    fails = [each for each in calls if isinstance(each.func, ast.Name) and each.func.id == "_fail"]
    return [Code(each.args[1].value) for each in fails if isinstance(each.args[1], ast.Constant)]


USERS = users()


@pytest.mark.parametrize("code", [code for code in Code if code not in STATES])
def test_every_code_can_occur(code: Code) -> None:
    assert USERS[code.name], f"nothing produces {code!r}"


def test_what_produces_no_code_is_not_counted() -> None:
    source = "A = (Code.X, Code.Y)\nB = {Code.X: 1}\nC = frozenset((Code.X,))\nif a == Code.X: pass\n"
    assert not list(made_in(ast.parse(source)))
    assert list(made_in(ast.parse("A = Ending(Code.X)\nB = Code.Y, ''\ndef f(): return Code.Z"))) == [
        *("X", "Y", "Z")
    ]


def test_the_child_process_uses_codes_of_the_list() -> None:
    assert child_codes() == [Code.PACKAGE_MISSING, Code.MODEL_UNAVAILABLE]


# No sentence decides.

SENTENCES = {"reason", "what", "meaning", "remedy", "detail", "complaint", "stderr", "failureReason"}
SEARCHES = {"startswith", "endswith", "find", "rfind", "index", "count"}
SEARCHES |= {"removeprefix", "removesuffix", "partition", "rpartition"}
PATTERNS = {"search", "match", "fullmatch", "findall", "finditer"}
PROSE = re.compile(r"[A-Za-z]{2,},? [A-Za-z]{2,}|[a-z][- ][a-z]+: $|^ [a-z]{3,}$")
ALLOWED = {
    # Other programs have nothing but their words.
    ("models/sources.py", "No module named pip"): "pip",
    ("models/sources.py", "No space left"): "pip",
    ("models/sources.py", "DO NOT MATCH THE HASHES"): "pip",
}


def decisions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Give the line and the words of each place that compares or searches a sentence."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from _compared(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _searched(node, node.func)


def _compared(node: ast.Compare) -> Iterator[tuple[int, str]]:
    sides = [node.left, *node.comparators]
    for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
        if isinstance(operator, ast.In | ast.NotIn):
            if _is_sentence(right) or _is_prose(left):
                yield node.lineno, ast.unparse(node)
        elif isinstance(operator, ast.Eq | ast.NotEq):
            both = _is_sentence(left) and _is_sentence(right)
            if both or _is_prose(left) or _is_prose(right):
                yield node.lineno, ast.unparse(node)


def _searched(node: ast.Call, function: ast.Attribute) -> Iterator[tuple[int, str]]:
    in_a_sentence = function.attr in SEARCHES and _is_sentence(function.value)
    for_prose = function.attr in SEARCHES and any(map(_is_prose, node.args))
    by_pattern = function.attr in PATTERNS and any(map(_is_sentence, node.args))
    if in_a_sentence or for_prose or by_pattern:
        yield node.lineno, ast.unparse(node)


def _is_sentence(node: ast.AST) -> bool:
    """Whether an expression is a text for people: by its name, or an error in words."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Subscript(slice=ast.Constant(value=name)):
            return name in SENTENCES
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id="error")]):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr="lower" | "strip" | "rstrip" | "upper")):
            return _is_sentence(value)
        case _:
            return False


def _is_prose(node: ast.AST) -> bool:
    constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return any(isinstance(each, str) and PROSE.search(each) is not None for each in constants)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(SOURCE).as_posix())
def test_no_decision_compares_or_searches_a_sentence(file: Path) -> None:
    name = file.relative_to(SOURCE).as_posix()
    found = [
        (line, words)
        for line, words in decisions(parse(file))
        if not any(where == name and theirs in words for where, theirs in ALLOWED)
    ]
    assert not found


def test_the_exceptions_are_still_needed() -> None:
    for name, theirs in ALLOWED:
        tree = parse(SOURCE / name)
        assert any(theirs in words for _, words in decisions(tree)), (name, theirs)


@pytest.mark.parametrize(
    "source",
    [
        "any(reason.value in status.reason for reason in Reason)",
        "self.status.reason.startswith(NO_SUGGESTION)",
        "found.reason.removeprefix('no suggestion: ')",
        "lines[-1].startswith('spark-lsp: ')",
        "complaint.strip().rpartition('\\n')[2]",
        "said.endswith(' characters')",
        "'xllamacpp' in reason",
        "'load' in answer['reason']",
        "[each for each in engines if each.reason == engine.reason]",
        "status.reason == 'the model had nothing to add here'",
        "re.search('no model', error.what)",
        "'off' in str(error)",
        "str(error).startswith('The')",
    ],
)
def test_a_comparison_with_a_sentence_is_found(source: str) -> None:
    assert list(decisions(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "finished.reason == 'length'",
        "finished.reason in ('stop', 'length')",
        "error.code == Code.CONNECTION_LOST",
        "reason in TEXTS",
        "'method' in message",
        "line.startswith('data: ')",
    ],
)
def test_codes_and_protocols_may_be_compared(source: str) -> None:
    assert not list(decisions(ast.parse(source)))


# The editors' clients.

CLIENTS = sorted(
    file for pattern in ("neovim/**/*.lua", "vscode/src/*.ts", "emacs/*.el") for file in EDITORS.glob(pattern)
)
FIELD = r"\b(?:[\w.]*[.:])?(?:reason|message|detail|failureReason)\b"
METHODS = "find|match|gmatch|gsub|sub|includes|startsWith|endsWith|indexOf|search|test|slice"
SEARCH = rf"(?:\s*[.:]\s*(?:{METHODS})\s*\()"
COMPARED = re.compile(
    rf"{FIELD}{SEARCH}"  # reason:find(…), reason.includes(…)
    rf"|(?:startswith|endswith|find|match|string-match\S*|string-prefix-p|string-search)[ (][^)\n]*{FIELD}"
    rf"|\.(?:test|exec)\([^)]*{FIELD}"  # /…/.test(status.reason)
    rf"|{FIELD}\s*(?:===?|!==?|~=)(?!\s*(?:''|\"\"|nil|undefined|null))"  # but an empty one is no sentence
    rf"|(?:===?|!==?|~=|equal)\s*{FIELD}"
    r"|['\"/]no suggestion"  # the words themselves, as a text or a pattern
)


def compared(text: str) -> list[str]:
    """Return the lines of a client's code, less its comments, that compare a sentence."""
    lines = (re.sub(r"(?<!:)//.*|--.*|;;.*", "", line) for line in text.splitlines())
    return [line for line in lines if COMPARED.search(line)]


@pytest.mark.parametrize("file", CLIENTS, ids=lambda file: file.relative_to(EDITORS).as_posix())
def test_no_client_compares_a_sentence(file: Path) -> None:
    assert not compared(file.read_text("utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        "local wants = vim.startswith(reason, 'no suggestion')",
        "not reason:find(FLEETING, 1, true)",
        "if status.reason:match('^the model') then",
        "if status.reason == FLEETING then",
        "if err.message ~= 'busy' then",
        "if (status.reason.includes('nothing to add')) {",
        "if (status.reason.startsWith(PREFIX)) {",
        "return /off/.test(status.reason);",
        "if (status.reason === 'x') {",
        '(string-match "off" reason)',
        '(string-prefix-p "no" reason)',
    ],
)
def test_a_client_that_compares_a_sentence_is_found(line: str) -> None:
    assert compared(line)


@pytest.mark.parametrize(
    "line",
    [
        "if params.reason ~= '' then",
        "return 'spark: ' .. (status.reason or '')",
        "if (status.state === 'degraded') {",
        "    status.reason,",
        "-- reason:find('x')",
    ],
)
def test_a_client_may_show_a_sentence(line: str) -> None:
    assert not compared(line)


def test_neovim_knows_the_reasons_worth_saying() -> None:
    lua = (EDITORS / "neovim" / "lua" / "spark_lsp" / "init.lua").read_text("utf-8")
    table = lua.partition("local WORTH_SAYING = {")[2].partition("}")[0]
    named = re.findall(r"(\w+) = true", table)
    assert [Code(name) for name in named] == [code for code in TEXTS if code != Code.NOTHING_TO_ADD]


def test_the_reasons_are_codes_with_texts() -> None:
    assert tuple(TEXTS) == get_args(Reason)
    assert set(TEXTS) > PASSING
