"""The language client: children that hang, die, are left; edits that are stale; growing text."""

import sys
from pathlib import Path

import anyio
import psutil
import pytest

from spark_lsp.client import editor as editor_module
from spark_lsp.client.editor import Editor, editing
from spark_lsp.errors import SparkError

SERVER = Path(__file__).with_name("scripted_server.py")
URI = "file:///a.py"

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def command(*script: str) -> tuple[str, ...]:
    return (sys.executable, str(SERVER), *script)


def opened(editor: Editor, text: str = "a = 1\n") -> str:
    editor.open(URI, text, "python")
    return URI


async def test_a_server_that_never_answers_meets_a_deadline(tmp_path: Path) -> None:
    async with editing({}, tmp_path, command=command("hang")) as editor:
        with pytest.raises(SparkError, match=r"within 0\.2 seconds"):
            await editor.complete(opened(editor), 0, timeout_s=0.2)


async def test_the_child_is_gone_when_the_block_is_left(tmp_path: Path) -> None:
    async with editing({}, tmp_path, command=command()) as editor:
        pid = editor.connection.process.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)
    assert editor.connection.process.returncode == 0


async def test_the_child_is_gone_when_the_block_is_cancelled(tmp_path: Path) -> None:
    with anyio.move_on_after(0.5):
        async with editing({}, tmp_path, command=command("hang")) as editor:
            pid = editor.connection.process.pid
            await editor.complete(opened(editor), 0)
    assert not psutil.pid_exists(pid)


async def test_a_killed_server_is_told_at_once(tmp_path: Path) -> None:
    async with editing({}, tmp_path, command=command("hang")) as editor:
        editor.connection.process.kill()
        with pytest.raises(SparkError, match="ended unexpectedly"):
            await editor.complete(opened(editor), 0)


async def test_an_error_in_the_block_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with editing({}, tmp_path, command=command()):
            raise LookupError("mine")


async def test_a_command_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SparkError, match="could not be started"):
        async with editing({}, tmp_path, command=(str(tmp_path / "no-such"),)):
            pass


async def test_growth_is_heard_in_order_and_its_end_awaited(tmp_path: Path) -> None:
    async with editing({}, tmp_path, command=command("grow"), growing=True) as editor:
        grown: list[tuple[str, bool]] = []
        editor.on_growth = lambda text, done: grown.append((text, done))
        found = await editor.complete(opened(editor), 3)
        assert (found.text, found.start, found.end) == ("return ", 3, 3)
        found = await editor.wait_for_growth(found, 5)
    assert grown == [("return ", False), ("return 1", False), ("return 1 + 1", True)]
    assert (found.text, found.start, found.end) == ("return 1 + 1", 3, 3)


async def test_a_stale_edit_is_not_applied(tmp_path: Path) -> None:
    async with editing({}, tmp_path, command=command("stale")) as editor:
        outcome = await editor.edit(opened(editor), 0, 5, "document")
    assert outcome.state == "refused"
    assert outcome.after == "a = 1\n"


async def test_an_applied_edit_comes_back_to_the_server_before_its_answer(tmp_path: Path) -> None:
    async with editing({}, tmp_path, command=command()) as editor:
        outcome = await editor.edit(opened(editor), 0, 5, "document")
        assert editor.documents[URI].version == 2
    assert outcome.state == "applied"  # the scripted server says "failed" for the other order
    assert outcome.after == "# documented\na = 1\n"


async def test_the_configuration_is_answered_by_section() -> None:
    editor = Editor({"engine": {"url": "auto"}})
    items = [
        {"section": name} for name in ("spark", "spark.engine", "spark.engine.url", "other", "spark.x.y")
    ]
    answer = editor.handle("workspace/configuration", {"items": items})
    assert answer == [{"engine": {"url": "auto"}}, {"url": "auto"}, "auto", None, None]


async def test_a_request_it_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(editor_module.UnknownMethod):
        Editor({}).handle("workspace/secret", {})
