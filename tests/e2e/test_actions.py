"""Each action of the table, as editors use it: its offer, its result, or the reason for a refusal."""

import json
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp.lsp import convert
from spark_lsp.prompts import actions
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.positions import Encoding

pytestmark = pytest.mark.asyncio
PYTHON = """import os
import re


def total(prices, rate):
    # noch ohne Steuer
    result = 0
    for each in prices:
        result += each
    return result


def later(a):
    raise NotImplementedError
"""
TOTAL = PYTHON[PYTHON.index("def total") : PYTHON.index("\n\n\ndef later")]
CHANGED = {
    "types": TOTAL.replace("prices, rate", "prices: list[float], rate: float"),
    "simplify": TOTAL.replace(
        "result = 0\n    for each in prices:\n        result += each", "result = sum(prices)"
    ),
    "optimise": TOTAL.replace("result = 0", "result = 0.0"),
    "translate": "    # still without tax",
    "complete": "    return a",
    "instruct": TOTAL.replace("result = 0", "result = 1"),
}
TEST = "from sums import total\n\n\ndef test_total():\n    assert total([1, 2], 0) == 3"
ENGINES = {
    **{name: f"```python\n{text}\n```" for name, text in CHANGED.items()},
    "tests": f"```python\n{TEST}\n```",
    "repeats": f"```python\n{TOTAL}\n```",
    "other": "```python\ndef test_else():\n    pass\n```",
    "rust": "```rust\n#[test]\nfn adds() {\n    assert_eq!(add(1), 1);\n}\n```",
    "sentence": "Add two numbers.",
    "renamed": "```go\nfunc f() {\n\tnumber := 1\n\tg(number)\n}\n```",
    "unparsable": "this would never parse (",
}


def here(line: int, character: int = 4, end: tuple[int, int] | None = None) -> types.Range:
    start = types.Position(line, character)
    return types.Range(start, types.Position(*end) if end else start)


async def offered(
    client: Any, uri: str, where: types.Range, *diagnostics: types.Diagnostic, **context: Any
) -> list[types.CodeAction]:
    asked = types.CodeActionContext(list(diagnostics), **context)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, asked)
    found = await client.text_document_code_action_async(params)
    return [action for action in found or [] if isinstance(action, types.CodeAction)]


def by_name(found: list[types.CodeAction]) -> dict[str, types.CodeAction]:
    """Return actions by their names in the table."""
    named: dict[str, types.CodeAction] = {}
    for action in found:
        if action.command and action.command.arguments:
            argument: Any = action.command.arguments[0]
            named[argument["action"]] = action
    return named


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n")


def text_after(client: Any, uri: str, text: str) -> str:
    """Return the text after the one change that was applied."""
    (applied,) = client.applied
    (change,) = applied.edit.document_changes
    assert change.text_document.uri == uri
    return changed(uri, text, change.edits)


def changed(uri: str, text: str, edits: Any) -> str:
    document = Document(uri, text)
    spans = [(*convert.to_offsets(document, each.range, Encoding.UTF16), each.new_text) for each in edits]
    return apply_edits(text, sorted(Edit(*each) for each in spans))


async def run(client: Any, name: str, uri: str, where: types.Range, **more: Any) -> Any:
    """Choose an action by its name, and return how it ended."""
    await client.run(by_name(await offered(client, uri, where))[name], **more)
    return (await client.until(lambda: client.edits))[0]


@pytest.mark.parametrize("name", sorted(CHANGED))
async def test_an_action_changes_its_own_lines(join: Any, name: str) -> None:
    uri = "file:///tmp/sums.py"
    client = await join("neovim", name)
    client.open(PYTHON, uri)
    part = "raise" if name == "complete" else "result = 0"
    more = {"instruction": "start at one"} if name == "instruct" else {}
    done = await run(client, name, uri, here(line_of(PYTHON, part)), **more)
    assert (done.state, done.reason) == ("applied", "")
    old = {"translate": "    # noch ohne Steuer", "complete": "    raise NotImplementedError"}.get(
        name, TOTAL
    )
    assert text_after(client, uri, PYTHON) == PYTHON.replace(old, CHANGED[name])
    assert client.applied[0].label == actions.title_of(name)


@pytest.mark.parametrize("name", ["types", "simplify", "optimise", "complete", "instruct"])
async def test_an_answer_that_does_not_parse_is_refused(join: Any, name: str) -> None:
    client = await join("neovim", "unparsable")
    client.open(PYTHON)
    part = "raise" if name == "complete" else "result = 0"
    more = {"instruction": "start at one"} if name == "instruct" else {}
    done = await run(client, name, "file:///tmp/sums.py", here(line_of(PYTHON, part)), **more)
    assert (done.state, done.code, client.applied) == ("refused", "proposal_does_not_parse", [])


@pytest.mark.parametrize("new", ["amount", None])
async def test_a_local_name_is_renamed_without_a_model(join: Any, new: str | None) -> None:
    client = await join("neovim", "unparsable")
    client.open(PYTHON)
    uri = "file:///tmp/sums.py"
    action = by_name(await offered(client, uri, here(line_of(PYTHON, "result = 0"))))["rename"]
    assert action.title == "Rename `result`"
    argument: Any = action.command.arguments[0] if action.command and action.command.arguments else {}
    assert (argument["ask"], argument["default"]) == ("name", "result_renamed")
    await client.run(action, **({"instruction": new} if new else {}))
    (done,) = await client.until(lambda: client.edits)
    assert (done.state, done.reason) == ("applied", "Made without a model")
    assert text_after(client, uri, PYTHON) == PYTHON.replace("result", new or "result_renamed")


@pytest.mark.parametrize(
    ("new", "why"), [("each", "already used"), ("class", "cannot be a name"), ("rename it to 1x", "")]
)
async def test_a_name_that_cannot_be_used_is_refused(join: Any, new: str, why: str) -> None:
    client = await join("neovim", "unparsable")
    client.open(PYTHON)
    done = await run(
        client, "rename", "file:///tmp/sums.py", here(line_of(PYTHON, "result = 0")), instruction=new
    )
    assert (done.state, client.applied) == ("refused", [])
    assert why in done.reason


async def test_a_name_of_another_language_is_renamed_by_the_engine(join: Any) -> None:
    uri, text = "file:///tmp/a.go", "func f() {\n\tab := 1\n\tg(ab)\n}\n"
    client = await join("neovim", "renamed")
    client.open(text, uri, language="go")
    done = await run(client, "rename", uri, here(1, 1), instruction="number")
    assert (done.state, done.reason) == ("applied", "")
    assert text_after(client, uri, text) == text.replace("ab", "number")


async def test_an_explanation_is_offered_as_an_action(join: Any, editor_name: str) -> None:
    client = await join(editor_name)
    client.open(PYTHON)
    found = by_name(await offered(client, "file:///tmp/sums.py", here(line_of(PYTHON, "result = 0"))))
    assert found["explain"].kind == "spark.explain"
    started = await client.run(found["explain"])
    assert started["id"].startswith("explain-")
    await client.until(lambda: client.explanations and client.explanations[-1].done)


def unused(line: int) -> types.Diagnostic:
    name = "os" if line == 0 else "re"
    return types.Diagnostic(here(line, 7, (line, 9)), f"`{name}` imported but unused", code="F401")


async def test_all_imports_are_fixed_as_one_edit(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "unparsable")
    client.open(PYTHON)
    uri, both = "file:///tmp/sums.py", (unused(0), unused(1))
    (action,) = await offered(client, uri, here(0, 0, (14, 0)), *both, only=["source.fixAll"])
    assert (action.kind, action.command) == ("source.fixAll.spark", None)
    assert action.edit is not None
    [change] = list(action.edit.document_changes or ())
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.version == 1
    assert changed(uri, PYTHON, change.edits) == PYTHON[PYTHON.index("\n\n\ndef total") + 1 :]


async def test_saving_asks_automatically_and_the_menu_has_a_command(join: Any) -> None:
    client = await join("code", "unparsable")
    client.open(PYTHON)
    uri, both, where = "file:///tmp/sums.py", (unused(0), unused(1)), here(0, 0, (14, 0))
    automatic = types.CodeActionTriggerKind.Automatic
    on_save = await offered(client, uri, where, *both, only=["source.fixAll.spark"], trigger_kind=automatic)
    assert [action.kind for action in on_save] == ["source.fixAll.spark"]
    quiet = await offered(client, uri, here(0), *both, trigger_kind=automatic)
    assert {action.kind for action in quiet} == {"quickfix"}
    menu = by_name(
        await offered(client, uri, here(0), *both, trigger_kind=types.CodeActionTriggerKind.Invoked)
    )
    await client.run(menu["fix_all"])
    (done,) = await client.until(lambda: client.edits)
    assert (done.state, done.reason) == ("applied", "Made without a model")
    assert text_after(client, uri, PYTHON) == PYTHON[PYTHON.index("\n\n\ndef total") + 1 :]
    nothing = await offered(client, uri, where, only=["source.fixAll"])
    assert [bool(action.disabled) for action in nothing] == [True]


async def test_disabled_actions_give_their_reasons(join: Any) -> None:
    client = await join("code")
    client.open("# Guten Tag\n", "file:///tmp/a.md", language="markdown")
    found = await offered(client, "file:///tmp/a.md", here(0, 0), only=["refactor"])
    reasons = {action.title: action.disabled.reason for action in found if action.disabled}
    assert reasons["Add documentation"] == "The form of documentation is not known for this language"
    assert reasons["Simplify"].startswith("Put the cursor")
    assert "Translate to English" not in reasons
    assert not any(action.disabled for action in await offered(client, "file:///tmp/a.md", here(0, 0)))


# --- tests ---


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A project with a file of code."""
    (tmp_path / "tests").mkdir()
    file = tmp_path / "sums.py"
    file.write_text(PYTHON, "utf-8")
    return file


async def test_tests_are_written_into_a_new_file(join: Any, source: Path) -> None:
    client = await join("code", "tests")
    client.open(PYTHON, source.as_uri())
    done = await run(client, "tests", source.as_uri(), here(line_of(PYTHON, "result = 0")))
    path = source.parent / "tests" / "test_sums.py"
    assert (done.state, done.reason) == ("applied", f"The tests of `total` are in {path}")
    (applied,) = client.applied
    create, change = applied.edit.document_changes
    assert isinstance(create, types.CreateFile)
    assert (create.uri, create.options) == (path.as_uri(), types.CreateFileOptions(False, False))
    assert change.text_document.version is None
    assert changed(path.as_uri(), "", change.edits) == f"{TEST}\n"
    assert not path.exists()  # the editor creates it
    await client.until(lambda: any(str(path) in message.message for message in client.messages))


@pytest.mark.parametrize("is_open", [False, True])
async def test_tests_are_added_to_the_test_file(join: Any, source: Path, is_open: bool) -> None:
    path = source.parent / "tests" / "test_sums.py"
    old = "import pytest\n\n\ndef test_total():\n    pass\n"
    path.write_text("" if is_open else old, "utf-8")
    client = await join("code", "tests")
    client.open(PYTHON, source.as_uri())
    if is_open:
        client.open(old, path.as_uri(), version=7)  # what the editor has counts, saved or not
    done = await run(client, "tests", source.as_uri(), here(line_of(PYTHON, "result = 0")))
    assert done.state == "applied", done.reason
    (applied,) = client.applied
    (change,) = applied.edit.document_changes
    assert change.text_document == types.OptionalVersionedTextDocumentIdentifier(
        path.as_uri(), 7 if is_open else None
    )
    new = changed(path.as_uri(), old, change.edits)
    assert new == (
        "import pytest\nfrom sums import total\n\n\ndef test_total():\n    pass\n\n\n"
        "def test_total_2():\n    assert total([1, 2], 0) == 3\n"
    )


@pytest.mark.parametrize(
    ("action", "instruction"),
    [("tests", "Write a test for this function, below it"), ("instruct", "Write a test for this")],
)
async def test_tests_below_the_code_leave_it_as_it_is(
    join: Any, source: Path, action: str, instruction: str
) -> None:
    client = await join("code", "tests")
    client.open(PYTHON, source.as_uri())
    first = line_of(PYTHON, "def total")
    where = here(first, 0, (first + 5, 17))
    done = await run(client, action, source.as_uri(), where, instruction=instruction)
    assert done.state == "applied", done.reason
    test = TEST.partition("\n\n\n")[2]
    assert text_after(client, source.as_uri(), PYTHON) == PYTHON.replace(TOTAL, f"{TOTAL}\n\n\n{test}")


async def test_tests_of_rust_are_in_the_same_file(join: Any) -> None:
    uri, text = "file:///tmp/a.rs", "fn add(a: i32) -> i32 {\n    a\n}\n"
    client = await join("code", "rust")
    client.open(text, uri, language="rust")
    done = await run(client, "tests", uri, here(1))
    assert done.state == "applied", done.reason
    inner = "    #[test]\n    fn adds() {\n        assert_eq!(add(1), 1);\n    }\n"
    module = f"\n#[cfg(test)]\nmod tests {{\n    use super::*;\n\n{inner}}}\n"
    assert text_after(client, uri, text) == text + module


@pytest.mark.parametrize(
    ("engine", "why"), [("repeats", "repeats the code"), ("other", "does not test 'total'")]
)
async def test_an_answer_that_is_no_test_is_refused(join: Any, source: Path, engine: str, why: str) -> None:
    client = await join("code", engine)
    client.open(PYTHON, source.as_uri())
    done = await run(client, "tests", source.as_uri(), here(line_of(PYTHON, "result = 0")))
    assert (done.state, done.code, client.applied) == ("refused", "proposal_off_request", [])
    assert why in done.reason


async def test_an_editor_that_cannot_create_files_says_how_to_go_on(join: Any, source: Path) -> None:
    client = await join("emacs", "tests")
    operations = client.capabilities.workspace.workspace_edit.resource_operations or []
    assert types.ResourceOperationKind.Create not in operations
    client.open(PYTHON, source.as_uri())
    done = await run(client, "tests", source.as_uri(), here(line_of(PYTHON, "result = 0")))
    assert (done.state, client.applied) == ("refused", [])
    assert "tests/test_sums.py" in done.reason
    assert "Create it" in done.reason


async def test_tests_of_a_text_without_a_file_are_refused(join: Any) -> None:
    client = await join("code", "tests")
    client.open(PYTHON, "untitled:Untitled-1")
    done = await run(client, "tests", "untitled:Untitled-1", here(line_of(PYTHON, "result = 0")))
    assert (done.state, client.applied) == ("refused", [])
    assert "not saved" in done.reason


# --- documentation, and actions of the settings ---


@pytest.mark.parametrize(
    ("language", "text", "line", "expected"),
    [
        ("swift", "func add(a: Int) -> Int {\n    return a\n}\n", 1, "/// Add two numbers.\nfunc"),
        ("kotlin", "fun add(a: Int): Int {\n    return a\n}\n", 1, "/**\n * Add two numbers.\n */\nfun"),
        ("haskell", "add :: Int -> Int\nadd a = a\n", 1, "-- | Add two numbers.\nadd ::"),
        ("javascript", "const add = (a) => {\n  return a;\n};\n", 1, "/**\n * Add two numbers.\n */\nconst"),
        (
            "java",
            "class A {\n  int f() {\n    return 1;\n  }\n}\n",
            2,
            "{\n  /**\n   * Add two numbers.\n   */\n  int",
        ),
    ],
)
async def test_documentation_has_the_language_s_form(
    join: Any, language: str, text: str, line: int, expected: str
) -> None:
    uri = "file:///tmp/a"
    client = await join("neovim", "sentence")
    client.open(text, uri, language=language)
    assert (await run(client, "document", uri, here(line))).state == "applied"
    assert expected in text_after(client, uri, text)


OWN = [
    {"title": "Be brief", "instruction": "Make this shorter", "languages": ["python"]},
    {"title": "No instruction"},
    {"title": "Ask why", "instruction": "Add a comment with the reason", "kind": "refactor.explain"},
    {"title": "Bad kind", "instruction": "x", "kind": "run"},
]


async def test_own_actions_are_offered_and_run(join: Any) -> None:
    client = await join("code", settings={"actions": OWN})
    await client.engine()
    client.open(PYTHON)
    uri, where = "file:///tmp/sums.py", here(line_of(PYTHON, "result = 0"))
    found = by_name(await offered(client, uri, where))
    assert [name for name in found if name.startswith("own:")] == ["own:Be brief", "own:Ask why"]
    assert found["own:Ask why"].kind == "refactor.explain"
    said = json.dumps([message.message for message in client.messages])
    assert "actions[1]" in said
    assert "needs a `instruction`" in said
    assert "actions[3]" in said
    await client.choose("instruct")
    await client.run(found["own:Be brief"])
    (done,) = await client.until(lambda: client.edits)
    assert done.state == "applied", done.reason
    assert client.applied[0].label == "Be brief"
    client.open("x = 1\n", "file:///tmp/a.go", language="go")
    assert "own:Be brief" not in by_name(await offered(client, "file:///tmp/a.go", here(0, 0)))
