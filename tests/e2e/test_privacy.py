"""Files that must stay get nothing and say why; secrets are neither shown to an engine nor harmed by it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.conftest import Client, Connect, ended, started

pytestmark = pytest.mark.asyncio
ENGINES = {"secret": 'password = "*****"\n', "hidden": 'password = "*************"\n'}
EXCLUDED = {"context": {"exclude": ["excluded.py"]}}
CODE = "def add(a, b):\n    \n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / ".gitignore").write_text("build/\n")
    (folder / ".spark.toml").write_text('exclude = ["*.sql"]\n[engine]\nurl = "ws://evil.example"\n')
    return folder


@pytest_asyncio.fixture(scope="module")
async def excluding(shared_home: dict[str, str]) -> AsyncIterator[Client]:
    """An editor whose settings exclude a file."""
    client = await started(shared_home, "code", settings=EXCLUDED)
    await client.engine()
    yield client
    await ended(client)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".env", "hold secrets"),
        ("id_rsa", "hold secrets"),
        ("build/made.py", "git ignores"),
        ("schema.sql", ".spark.toml"),
        ("excluded.py", "context.exclude"),
    ],
)
async def test_a_file_that_must_stay(excluding: Client, project: Path, name: str, reason: str) -> None:
    client, uri = excluding, (project / name).as_uri()
    client.open(CODE, uri)
    assert await client.ghost(1, 4, uri) == []
    await client.until(lambda: reason in client.statuses[-1].reason)
    assert await client.actions(0, uri=uri) == {}
    beside = (project / "main.py").as_uri()
    client.open(CODE, beside)
    assert await client.ghost(1, 4, beside)


async def test_what_a_project_may_not_say_is_named_and_ignored(join: Connect, project: Path) -> None:
    client = await join("code")
    uri = (project / "main.py").as_uri()
    client.open(CODE, uri)
    assert await client.ghost(1, 4, uri)
    await client.until(lambda: any("may only take away" in said.message for said in client.messages))


async def test_a_project_can_close_itself_to_edits(join: Connect, project: Path) -> None:
    client = await join("code")
    first = (project / "first.py").as_uri()
    client.open(CODE, first)
    action = (await client.actions(0, uri=first))["Add documentation"]
    (project / ".spark.toml").write_text("edit.enabled = false\n")
    second = (project / "second.py").as_uri()
    client.open(CODE, second)
    assert await client.actions(0, uri=second) == {}
    assert action.command is not None
    assert action.command.arguments is not None
    argument: Any = action.command.arguments[0]
    argument["uri"] = second
    with pytest.raises(Exception, match=r"\.spark\.toml"):
        await client.run(action)
    assert client.applied == []


async def test_an_answer_that_would_change_a_secret_is_refused(join: Connect) -> None:
    client = await join("code", "secret")
    client.open('password = "hunter2secret"\n')
    action = next(each for title, each in (await client.actions(0)).items() if "instruction" in title.lower())
    await client.run(action, instruction="make it shorter")
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "refused"
    assert "secret" in client.edits[0].reason
    assert client.applied == []


async def test_ghost_text_never_repeats_what_was_hidden(join: Connect) -> None:
    client = await join("code", "hidden")
    client.open('password = "hunter2secret"\n\n')
    assert await client.ghost(1, 0) == []
    assert "redacted secret" in client.statuses[-1].reason
