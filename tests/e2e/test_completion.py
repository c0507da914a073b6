"""Ghost text and the completion menu, as every recorded editor asks for them."""

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.e2e.pipe import Gateway
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio
CONTENT_MODIFIED, CANCELLED = -32801, -32800
URI = "file:///tmp/sums.py"
SNIPPET = "print(f'${a} \\$1')\n    # ```\n    return {a: '}'}"
ENGINES = {"snippet": SNIPPET, "rest": "urn a + b"}


def point(line: int, character: int) -> types.Range:
    return types.Range(types.Position(line, character), types.Position(line, character))


async def test_one_item_with_its_range(join: Any, editor_name: str) -> None:
    client = await join(editor_name)
    client.open()
    items = await client.ghost(1, 4)
    assert [(item.insert_text, item.range) for item in items] == [("return a + b", point(1, 4))]


@pytest.mark.parametrize("name", ["helix", "emacs-30.1_eglot", "emacs-30.1_lsp-mode", "neovim"])
async def test_the_menu_has_the_same(join: Any, name: str) -> None:
    always = {"options": {"spark": {"completion": {"menu": "always"}}}}
    client = await join(name, **(always if name == "neovim" else {}))  # the others get it unasked
    await client.engine()
    await client.choose("rest")
    client.open()
    client.change(2, "    ret", 1, 0, 1, 4)
    params = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(1, 7))
    answer = await client.text_document_completion_async(params)
    (item,) = answer.items
    assert item.filter_text == "return"  # the word, as far as it will go
    assert item.sort_text < "0"  # before what other servers offer
    assert item.text_edit.range == types.Range(types.Position(1, 4), types.Position(1, 7))
    assert item.text_edit.new_text == "return a + b"


@pytest.mark.parametrize("name", ["helix", "emacs-30.1_eglot"])
async def test_what_looks_like_a_snippet_is_text(join: Any, name: str) -> None:
    """Helix reads an item of the kind "snippet" as one, whatever its format says."""
    client = await join(name, "snippet")
    client.open()
    params = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(1, 4))
    (item,) = (await client.text_document_completion_async(params)).items
    assert (item.kind, item.insert_text_format) == (
        types.CompletionItemKind.Text,
        types.InsertTextFormat.PlainText,
    )
    assert item.text_edit.new_text == SNIPPET
    assert item.preselect
    assert item.filter_text == "print"
    assert item.documentation == f"````python\n{SNIPPET}\n````"


async def test_an_answer_that_was_typed_over_is_not_offered(join: Any) -> None:
    """Helix asks again at a word's letters only: what it gets for the place before `+` it would show."""
    client = await join("helix", "late")
    client.open()
    params = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(1, 4))
    waiting = asyncio.ensure_future(client.text_document_completion_async(params))
    await client.until(lambda: client.statuses[-1].state == "busy")
    client.change(2, "+", 1, 4, 1, 4)
    with pytest.raises(JsonRpcException) as caught:
        await waiting
    assert caught.value.code == CONTENT_MODIFIED


async def test_typing_along_asks_nobody_again(
    join: Any, shared_home: dict[str, str], editor_name: str
) -> None:
    client = await join(editor_name)
    client.open()
    assert (await client.ghost(1, 4))[0].insert_text == "return a + b"
    gateway = Gateway(shared_home)
    before = gateway.answers("complete")
    client.change(2, "retu", 1, 4, 1, 4)
    (item,) = await client.ghost(1, 8)
    assert (item.insert_text, item.range) == ("rn a + b", point(1, 8))
    assert gateway.answers("complete") == before


async def test_a_request_means_the_text_it_was_sent_for(
    join: Any, shared_home: dict[str, str], editor_name: str
) -> None:
    """A fast typist's next letter arrives together with the request for the one before."""
    client = await join(editor_name)
    client.open()
    assert (await client.ghost(1, 4))[0].insert_text == "return a + b"
    gateway = Gateway(shared_home)
    before = gateway.answers("complete")
    client.change(2, "r", 1, 4, 1, 4)
    overtaken = asyncio.ensure_future(client.ghost(1, 5))
    await asyncio.sleep(0)
    client.change(3, "e", 1, 5, 1, 5)
    assert (await overtaken)[0].insert_text == "eturn a + b"
    assert (await client.ghost(1, 6))[0].insert_text == "turn a + b"
    assert gateway.answers("complete") == before


@pytest.mark.parametrize(
    "before", ["a\fb\n", "a\u2028b\u2029c\n", "a\x85b\v\n", "😀😀\n", "e\u0301 👩‍👩‍👧\r\n", "x\ry\r\n"]
)
async def test_odd_characters_above_do_not_shift_the_place(join: Any, before: str, editor_name: str) -> None:
    """The server's text must be the editor's: the edited line must be found below lines like these."""
    client = await join(editor_name)
    client.open(f"# {before}def add(a, b):\n    return 1\n")
    line = len(re.findall(r"\r\n|\n|\r", before))
    client.change(2, "sum", line, 4, line, 7)  # `add` becomes `sum`
    client.change(3, " ", line + 1, 12, line + 1, 12)
    (item,) = await client.ghost(line + 1, 13)
    assert item.range == point(line + 1, 13)
    await client.run((await client.actions(line))["Add documentation"])
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied", client.edits[0].reason
    (change,) = client.applied[0].edit.document_changes
    assert [edit.range for edit in change.edits] == [point(line + 1, 4)]
    assert change.text_document.version == 3


async def test_a_newer_request_answers_the_older_at_once(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "stuck")
    client.open()
    first = asyncio.ensure_future(client.ghost(1, 4))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(client.ghost(0, 0))
    with pytest.raises(JsonRpcException) as caught:
        await first
    assert caught.value.code == CONTENT_MODIFIED
    await cancelled(client, second)


async def test_a_cancelled_request_is_answered_so(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "stuck")
    client.open()
    future = asyncio.ensure_future(client.ghost(1, 4))
    await client.until(lambda: client.statuses[-1].state == "busy")
    await cancelled(client, future)


async def cancelled(client: Any, waiting: Any) -> None:
    """Cancel the only request under way; the server answers that it was."""
    (identity,) = client.protocol._request_futures
    client.cancel_request(types.CancelParams(identity))
    with pytest.raises(JsonRpcException) as caught:
        await waiting
    assert caught.value.code == CANCELLED


def slow(config: Path) -> None:
    config.write_text(config.read_text().replace("delay_ms = 5", "delay_ms = 60000"))


async def test_an_out_of_sync_document_gives_nothing_until_sent_whole(join: Any, editor_name: str) -> None:
    client = await join(editor_name)
    client.open()
    client.change(2, "x", 1, 4, 0, 0)  # reversed
    assert await client.ghost(1, 4) == []
    await client.until(lambda: client.messages)
    client.change(3, "def add(a, b):\n    \n")
    assert await client.ghost(1, 4)


async def test_a_killed_gateway_is_replaced(connect: Any, replay_config: Path, home: dict[str, str]) -> None:
    slow(replay_config)
    client = await connect("neovim")
    await client.engine()
    client.open()
    waiting = asyncio.ensure_future(client.ghost(1, 4))
    await client.until(lambda: client.statuses[-1].state == "busy")
    replay_config.write_text(replay_config.read_text().replace("delay_ms = 60000", "delay_ms = 5"))
    kill_gateway(Path(home["SPARK_LSP_RUNTIME_DIR"]))
    assert (await asyncio.wait_for(waiting, PATIENCE))[0].insert_text == "return a + b"


def kill_gateway(runtime: Path) -> None:
    (socket,) = runtime.glob("gateway-*.sock")
    os.kill(int(socket.stem.removeprefix("gateway-")), signal.SIGKILL)


async def test_excluded_files_say_so(join: Any) -> None:
    client = await join("neovim", settings={"context": {"exclude": ["*.secret.py"]}})
    await client.engine()
    client.open(uri="file:///tmp/a.secret.py")
    assert await client.ghost(1, 4, uri="file:///tmp/a.secret.py") == []
    assert await client.actions(0, uri="file:///tmp/a.secret.py") == {}
    order = {"action": "document", "uri": "file:///tmp/a.secret.py"}
    with pytest.raises(JsonRpcException, match="excluded by the settings"):
        await client.workspace_execute_command_async(types.ExecuteCommandParams("spark.edit", [order]))
    await client.until(lambda: "excluded" in client.statuses[-1].reason)


async def test_a_document_that_was_never_opened(join: Any) -> None:
    client = await join("neovim")
    assert await client.ghost(1, 4, uri="file:///nowhere") == []
    assert "not opened" in client.statuses[-1].reason
