"""Refactorings as code actions: offered by the selection, made without a model, applied as one change."""

from typing import Any

import pytest
from lsprotocol import types

from spark_lsp.lsp import convert
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.positions import Encoding

pytestmark = pytest.mark.asyncio
URI = "file:///tmp/sums.py"
TEXT = "def tax(net, rate):\n    part = net * rate\n    total = net + part\n    return round(total, 2)\n"
ENGINES = {"unparsable": "this would never parse ("}


def span(line: int, first: int, last: int) -> types.Range:
    return types.Range(types.Position(line, first), types.Position(line, last))


async def offered(
    client: Any, where: types.Range, only: list[str] | None = None
) -> dict[str, types.CodeAction]:
    context = types.CodeActionContext([], only=only, trigger_kind=types.CodeActionTriggerKind.Invoked)
    params = types.CodeActionParams(types.TextDocumentIdentifier(URI), where, context)
    found = await client.text_document_code_action_async(params)
    return {action.title: action for action in found or [] if isinstance(action, types.CodeAction)}


def text_after(client: Any) -> str:
    """Return the text after the one change that was applied."""
    (applied,) = client.applied
    (change,) = applied.edit.document_changes
    document = Document(URI, TEXT)
    edits = [
        (*convert.to_offsets(document, each.range, Encoding.UTF16), each.new_text) for each in change.edits
    ]
    return apply_edits(TEXT, sorted(Edit(*each) for each in edits))


async def test_a_variable_is_inlined(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "unparsable")
    client.open(TEXT)
    action = (await offered(client, span(1, 5, 5)))["Inline variable `part`"]
    assert action.kind == "refactor.inline"
    await client.run(action)
    await client.until(lambda: client.edits)
    done = client.edits[0]
    assert (done.state, done.code, done.reason) == ("applied", "applied", "Made without a model")
    assert text_after(client) == TEXT.replace("    part = net * rate\n", "").replace("part", "(net * rate)")


@pytest.mark.parametrize(
    ("where", "title", "instruction", "expected"),
    [
        (
            span(1, 11, 21),
            "Extract into a function",
            "product",
            "def product(net, rate):\n    return net * rate\n\n\n"
            + TEXT.replace("net * rate", "product(net, rate)"),
        ),
        (
            types.Range(types.Position(1, 0), types.Position(3, 0)),
            "Extract into a function",
            None,
            (
                "def extracted(net, rate):\n    part = net * rate\n    total = net + part\n"
                "    return total\n\n\n"
                "def tax(net, rate):\n    total = extracted(net, rate)\n    return round(total, 2)\n"
            ),
        ),
        (
            span(2, 12, 22),
            "Extract into a variable",
            None,
            TEXT.replace("    total = net + part", "    extracted = net + part\n    total = extracted"),
        ),
    ],
)
async def test_code_is_extracted(
    join: Any, where: types.Range, title: str, instruction: str | None, expected: str
) -> None:
    client = await join("code-server", "unparsable")
    client.open(TEXT)
    action = (await offered(client, where, ["refactor.extract"]))[title]
    await client.run(action, **({"instruction": instruction} if instruction else {}))
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied", client.edits[0].reason
    assert text_after(client) == expected


async def test_an_unsafe_refactoring_is_refused_with_its_reason(join: Any) -> None:
    client = await join("neovim", "unparsable")
    client.open("def f(p):\n    x = g()\n    return h() + x\n")
    await client.run((await offered(client, span(1, 4, 4)))["Inline variable `x`"])
    await client.until(lambda: client.edits)
    assert (client.edits[0].state, client.edits[0].code) == ("refused", "refactoring_unsafe")
    assert "another time" in client.edits[0].reason
    assert client.applied == []


async def test_an_instruction_in_words_needs_no_model_either(join: Any) -> None:
    client = await join("code-server", "unparsable")
    client.open(TEXT)
    action = (await offered(client, span(1, 0, 21)))["Edit with an instruction…"]
    await client.run(action, instruction="Inline the variable `part`")
    await client.until(lambda: client.edits)
    assert (client.edits[0].state, client.edits[0].reason) == ("applied", "Made without a model")


async def test_an_action_that_does_not_apply_is_disabled_if_its_kind_is_requested(join: Any) -> None:
    client = await join("code-server", "unparsable")
    client.open(TEXT)
    here = span(3, 4, 4)
    assert not [title for title in await offered(client, here) if title.startswith(("Inline", "Extract"))]
    found = await offered(client, here, ["refactor.inline"])
    assert list(found) == ["Inline variable"]
    disabled = found["Inline variable"].disabled
    assert disabled is not None
    assert disabled.reason.startswith("Put the cursor on a variable")
    assert found["Inline variable"].command is None


async def test_other_languages_have_no_refactorings(join: Any) -> None:
    client = await join("code-server")
    client.open("function f() {\n  const x = 1;\n  return x;\n}\n", language="javascript")
    assert await offered(client, span(1, 8, 9), ["refactor.inline", "refactor.extract"]) == {}
