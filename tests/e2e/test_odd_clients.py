"""Clients that LSP does not foresee: what is clear is taken, the rest is said, and no text is mistaken."""

from typing import Any

import pytest

from tests.e2e.pipe import CAPABILITIES, URI, Pipe
from tests.patience import PATIENCE

TEXT = "def f(a, b):\n    \n\n\ndef g():\n    return 1\n"
RETURN = "return a + b"
EXECUTE = "workspace/executeCommand"
BRANCHES = "if a:\n        return a\n    return b"
ENGINES = {"branches": BRANCHES}


@pytest.fixture
def server(shared: Pipe) -> Pipe:
    """A server with the document open, in which ghost text comes in line 1."""
    shared.open(TEXT)
    assert shared.items()
    return shared


def start_of(line: int) -> dict[str, Any]:
    here = {"line": line, "character": 0}
    return {"start": here, "end": here}


def change(pipe: Pipe, identifier: Any, changes: Any) -> None:
    params = {"textDocument": identifier, "contentChanges": changes}
    pipe.send(method="textDocument/didChange", params=params)


def texts(items: list[dict[str, Any]]) -> list[str]:
    return [item["insertText"] for item in items]


def lines(items: list[dict[str, Any]]) -> set[int]:
    return {item["range"]["start"]["line"] for item in items}


def why(pipe: Pipe) -> str:
    return pipe.ask("why", EXECUTE, {"command": "spark.status", "arguments": []})["result"]["reason"]


@pytest.mark.parametrize("version", [None, "2", "two", 2.5, True, {}, -(2**40), "missing"])
def test_a_change_without_a_version_is_the_next(server: Pipe, version: Any) -> None:
    identifier = {"uri": URI} if version == "missing" else {"uri": URI, "version": version}
    change(server, identifier, [{"range": start_of(0), "text": "# one\n"}])
    assert lines(server.items(line=2)) == {2}
    change(server, identifier, [{"range": start_of(0), "rangeLength": 0, "text": "# two\n"}])
    assert lines(server.items(line=3)) == {3}
    change(server, identifier, [])
    assert lines(server.items(line=3)) == {3}
    change(server, {"uri": URI, "version": 9}, [{"text": TEXT}])
    assert lines(server.items()) == {1}


UNCLEAR = [
    [{"range": start_of(0)}],
    [{"range": start_of(0), "text": None}],
    [{"text": "x = 1\n", "rangeLength": 3}],
    [{"range": {"start": {"line": 0}}, "text": "x"}],
    [{"range": {"start": {"line": 0, "character": -1}, "end": {"line": 0, "character": 0}}, "text": "x"}],
    [{"range": start_of(0), "text": "# one\n"}, {"text": 3}],
    [None],
    "x = 1\n",
    None,
]


@pytest.mark.parametrize("changes", UNCLEAR)
@pytest.mark.parametrize("mend", ["whole", "open", "save"])
def test_a_change_that_says_nothing_is_said_once_and_recovers(server: Pipe, changes: Any, mend: str) -> None:
    change(server, {"uri": URI, "version": 2}, changes)
    assert server.items(line=2) == []
    assert "did not fit the text" in why(server)
    change(server, {"uri": URI, "version": 3}, [{"range": start_of(0), "text": "# one\n"}])
    assert server.items(line=2) == []
    text = f"# one\n{TEXT}"
    if mend == "whole":
        change(server, {"uri": URI, "version": 4}, [{"text": text, "range": None}])
    elif mend == "open":
        server.open(text)
    else:
        params = {"textDocument": {"uri": URI}, "text": text}
        server.send(method="textDocument/didSave", params=params)
    assert lines(server.items(line=2)) == {2}
    said = [each["message"] for each in server.told("window/showMessage")]
    assert len([each for each in said if "A change is unreadable" in each]) <= 1


def test_a_client_that_always_sends_version_1_with_whole_texts(server: Pipe) -> None:
    for count in range(1, 4):
        change(server, {"uri": URI, "version": 1}, [{"text": "#\n" * count + TEXT}])
        assert lines(server.items(line=count + 1)) == {count + 1}


@pytest.mark.parametrize(
    "item", [{"version": None}, {}, {"version": "1"}, {"version": 1.0}, {"languageId": None}]
)
def test_a_document_opened_without_version_or_language(server: Pipe, item: Any) -> None:
    given = {"uri": "file:///odd.py", "text": f"# one\n{TEXT}", **item}
    server.send(method="textDocument/didOpen", params={"textDocument": given})
    assert texts(server.items(line=2, uri="file:///odd.py")) == [RETURN]
    change(server, {"uri": "file:///odd.py", "version": 1}, [{"text": TEXT}])
    assert texts(server.items(uri="file:///odd.py")) == [RETURN]
    server.send(method="textDocument/didClose", params={"textDocument": {"uri": "file:///odd.py"}})
    server.send(method="textDocument/didClose", params={"textDocument": {"uri": "file:///unknown.py"}})
    assert server.items(uri="file:///odd.py") == []


def test_a_version_that_goes_down_at_reopening(server: Pipe) -> None:
    server.open(TEXT, version=50)
    server.open(f"# one\n{TEXT}", version=1)
    change(server, {"uri": URI, "version": 2}, [{"range": start_of(0), "text": "# two\n"}])
    assert lines(server.items(line=3)) == {3}


def actions(pipe: Pipe, range_: Any = None, context: Any = None) -> list[dict[str, Any]]:
    params: dict[str, Any] = {"textDocument": {"uri": URI}, "range": range_ or start_of(5)}
    if context != "missing":
        params["context"] = context
    return pipe.ask("actions", "textDocument/codeAction", params)["result"]


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [each["kind"] for each in found]


HERE = {
    "range": {"start": {"line": 5, "character": 4}, "end": {"line": 5, "character": 10}},
    "message": "odd",
}
THERE = {**HERE, "range": start_of(1)}
REFACTOR = ["refactor.rewrite"] * 6
ALL = [*REFACTOR, "spark.explain"]
SELECTED = {"start": {"line": 5, "character": 4}, "end": {"line": 5, "character": 10}}


@pytest.mark.parametrize(
    ("context", "range_", "expected"),
    [
        ({"diagnostics": [], "triggerKind": 2}, None, []),
        ({"diagnostics": [HERE, THERE], "triggerKind": 2}, None, ["quickfix"]),
        ({"diagnostics": [], "triggerKind": 2}, SELECTED, ALL),
        ({"diagnostics": [HERE, THERE], "triggerKind": 1}, None, ["quickfix", *ALL]),
        ({"diagnostics": [HERE]}, None, ["quickfix", *ALL]),
        ({"diagnostics": [HERE], "triggerKind": 0}, None, ["quickfix", *ALL]),
        ({"diagnostics": None}, None, ALL),
        ({}, None, ALL),
        (None, None, ALL),
        ("missing", None, ALL),
        ({"diagnostics": [HERE], "only": ["refactor"]}, None, REFACTOR),
        ({"diagnostics": [HERE], "only": ["quickfix"]}, None, ["quickfix"]),
        ({"diagnostics": [HERE], "only": ["refactor.rewrite.more", "source.fixAll"]}, None, []),
        ({"diagnostics": [HERE], "only": ["refac", "quickfixes", "x"]}, None, []),
        ({"diagnostics": [HERE], "only": [""]}, None, ["quickfix", *ALL]),
        ({"diagnostics": [HERE], "only": []}, None, ["quickfix", *ALL]),
        ({"diagnostics": [HERE], "only": "quickfix"}, None, ["quickfix"]),
        ({"diagnostics": [], "only": ["refactor"], "triggerKind": 2}, None, []),
        ({"diagnostics": []}, {"start": SELECTED["end"], "end": SELECTED["start"]}, ALL),
        ({"diagnostics": []}, {"start": SELECTED["start"], "end": {"line": 99, "character": 99}}, ALL),
    ],
)
def test_what_is_offered_where(server: Pipe, context: Any, range_: Any, expected: list[str]) -> None:
    assert kinds(actions(server, range_, context)) == expected


@pytest.fixture
def connect(pipe: Pipe) -> Any:
    """Connect as a client with other capabilities."""

    def begin(workspace: dict[str, Any] | None, **text_document: Any) -> Pipe:
        capabilities = {
            "textDocument": {**CAPABILITIES["textDocument"], **text_document},
            "workspace": workspace,
        }
        pipe.initialize(capabilities=capabilities)
        pipe.engine()
        pipe.open(TEXT)
        return pipe

    return begin


def ask_for_an_edit(pipe: Pipe) -> None:
    name = {"start": {"line": 4, "character": 4}, "end": {"line": 4, "character": 5}}
    argument = {"action": "instruct", "uri": URI, "range": name, "instruction": "rename g to other"}
    pipe.ask("edit", EXECUTE, {"command": "spark.edit", "arguments": [argument]})


def test_a_client_without_document_changes_gets_changes(connect: Any) -> None:
    server = connect({"applyEdit": True})
    ask_for_an_edit(server)
    server.until(lambda: server.told("spark/edit"))
    (applied,) = server.applied
    assert list(applied["edit"]) == ["changes"]
    assert [edit["newText"] for edit in applied["edit"]["changes"][URI]] == ["other"]
    assert server.told("spark/edit")[0]["state"] == "applied"


def test_without_apply_edit_an_action_is_left_out_or_says_why(connect: Any) -> None:
    server = connect(None)
    assert kinds(actions(server, context={"diagnostics": [HERE]})) == ["spark.explain"]  # it changes no text


def test_without_apply_edit_a_disabled_action_says_why(connect: Any) -> None:
    able = {**CAPABILITIES["textDocument"]["codeAction"], "disabledSupport": True}
    server = connect({"applyEdit": False}, codeAction=able)
    found = actions(server, context={"diagnostics": [HERE]})
    assert kinds(found) == ["quickfix", *ALL]
    *edits, explanation = found
    assert all("does not let" in each["disabled"]["reason"] and "command" not in each for each in edits)
    assert "disabled" not in explanation


def test_a_client_without_action_literals_gets_commands(connect: Any) -> None:
    server = connect({"applyEdit": True}, codeAction={})
    found = actions(server, context={"diagnostics": [HERE]})
    assert {each["command"] for each in found} == {"spark.edit", "spark.explain"}
    assert {each["arguments"][0]["uri"] for each in found} == {URI}


@pytest.mark.parametrize(
    "answer",
    [
        {"result": None},
        {"result": {"applied": False}},
        {"error": {"code": -32601, "message": "no"}},
        {"result": 3},
    ],
)
def test_an_edit_that_is_not_applied_ends_once(
    server: Pipe, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:

    def serve(request: dict[str, Any]) -> None:
        server.send(id=request["id"], **(answer if "applyEdit" in request["method"] else {"result": None}))

    monkeypatch.setattr(server, "_serve", serve)
    server.heard.clear()
    ask_for_an_edit(server)
    server.until(lambda: server.told("spark/edit"))
    server.alive()
    (told,) = server.told("spark/edit")
    assert [each["method"] for each in server.heard].count("workspace/applyEdit") == 1
    assert told["state"] in ("refused", "failed")
    assert told["reason"]


@pytest.mark.parametrize(
    "more",
    [
        {"capabilities": {**CAPABILITIES, "general": {"positionEncodings": []}}},
        {"capabilities": {**CAPABILITIES, "general": {"positionEncodings": ["utf-7"]}}},
        {"capabilities": {**CAPABILITIES, "general": {"positionEncodings": "utf-8"}}},
        {"capabilities": {**CAPABILITIES, "general": None}},
        {"workspaceFolders": None, "rootUri": None, "rootPath": None},
        {"capabilities": {**CAPABILITIES, "workspace": {"configuration": True}}},
        {"capabilities": {**CAPABILITIES, "window": {"workDoneProgress": True}}},
        {"capabilities": {}},
    ],
)
def test_odd_capabilities_leave_ghost_text(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    def serve(request: dict[str, Any]) -> None:
        pipe.send(id=request["id"], error={"code": -32601, "message": "not supported"})

    monkeypatch.setattr(pipe, "_serve", serve)
    pipe.initialize(**more)
    pipe.send(method="$/setTrace", params={"value": "verbose"})
    pipe.send(method="workspace/didChangeWorkspaceFolders", params={"event": None})
    pipe.engine()
    pipe.open(TEXT)
    assert texts(pipe.items()) == [RETURN]
    assert not [each for each in pipe.told("window/showMessage") if "rror" in each["message"]]


def test_a_client_that_never_sends_initialized(pipe: Pipe) -> None:
    params = {"processId": None, "rootUri": None, "capabilities": CAPABILITIES}
    assert "result" in pipe.ask("initialize", "initialize", params)
    pipe.open(TEXT)
    pipe.engine()
    assert texts(pipe.items()) == [RETURN]


@pytest.mark.parametrize("able", [{"insertTextModeSupport": {"valueSet": [1, 2]}}, {}])
@pytest.mark.parametrize("usual", [None, 2])
def test_the_editor_does_not_indent_a_menu_item_again(
    pipe: Pipe, able: dict[str, Any], usual: int | None
) -> None:
    completion = {"completionItem": able, "insertTextMode": usual}
    options = {"spark": {"engine": {"routes": {"completion": ["branches"]}}}}
    capabilities = {**CAPABILITIES, "textDocument": {"completion": completion}}
    pipe.initialize(capabilities=capabilities, initializationOptions=options)
    pipe.engine()
    pipe.open(TEXT)
    where = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 4}}
    (item,) = pipe.ask("menu", "textDocument/completion", where)["result"]["items"]
    assert item.get("insertTextMode") == (1 if able else None)
    kept = able or usual is None
    assert item["textEdit"]["newText"] == (BRANCHES if kept else "if a:\n    return a\nreturn b")


def test_leaving_without_a_shutdown(pipe: Pipe) -> None:
    pipe.initialize()
    pipe.send(method="exit")
    assert pipe.process.wait(PATIENCE) == 1
