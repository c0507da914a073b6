"""A used-up budget reaches the editor: its reason, its code, and the engine that answers instead."""

from pathlib import Path

import pytest
from lsprotocol import types

from spark_lsp.codes import Code
from tests.e2e.conftest import TEXT, URI, Client, Connect

EDITOR = "neovim"
pytestmark = pytest.mark.asyncio
CONFIG = """\
[engines.paid]
kind = "replay"
text = "complete.txt"
tokens_per_s = 0
delay_ms = 0
[engines.paid.budget]
tokens_per_day = {limit}
[engines.paid.price]
input = 2.0
output = 8.0
[engines.spare]
kind = "replay"
text = "complete.txt"
tokens_per_s = 0
delay_ms = 0
[routes]
completion = {completion}
edit = ["paid"]
"""


def configure(home: dict[str, str], limit: int, *completion: str) -> None:
    folder = Path(home["XDG_CONFIG_HOME"]) / "spark-lsp"
    (folder / "complete.txt").write_text("return a + b\n")
    names = str(list(completion)).replace("'", '"')
    (folder / "config.toml").write_text(CONFIG.format(limit=limit, completion=names))


async def type_below(client: Client, version: int) -> list[types.InlineCompletionItem]:
    """Change the text, so that no earlier answer fits, and request a suggestion."""
    client.change(version, f"# {version}\n", 3, 0, 3, 0)
    return await client.ghost(1, 4)


async def test_the_reason_is_in_the_status_and_explains_the_missing_suggestion(
    connect: Connect, home: dict[str, str]
) -> None:
    configure(home, 100, "paid")
    client = await connect(EDITOR)
    client.open(TEXT)
    assert await client.ghost(1, 4) == []
    await client.until(lambda: client.statuses[-1].code == Code.BUDGET_USED_UP)
    status = client.statuses[-1]
    assert "Today's budget of engine 'paid'" in status.reason
    assert "engines.paid.budget.tokens_per_day" in status.reason
    shown = [message.message for message in client.messages]
    for version in range(2, 6):
        assert await type_below(client, version) == []
    assert [message.message for message in client.messages] == shown  # once, not for every key


async def test_the_next_engine_answers_and_the_status_says_why(
    connect: Connect, home: dict[str, str]
) -> None:
    configure(home, 1_000, "paid", "spare")
    client = await connect(EDITOR)
    client.open(TEXT)
    version = 1
    while not client.statuses or client.statuses[-1].engine != "spare":
        version += 1
        assert await type_below(client, version)
    await client.until(lambda: client.statuses[-1].code == Code.BUDGET_USED_UP)
    status = client.statuses[-1]
    assert (status.engine, status.state) == ("spare", "degraded")
    assert status.reason.startswith("paid: Today's budget of engine 'paid'")
    assert any("tokens today" in each.budget for each in client.statuses)


async def test_a_project_and_an_editor_narrow(connect: Connect, home: dict[str, str], tmp_path: Path) -> None:
    configure(home, 100_000, "paid")
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / ".spark.toml").write_text("[budget]\ntokensPerDay = 100\n")
    file = project / "a.py"
    file.write_text(TEXT)
    client = await connect(EDITOR)
    client.open(TEXT)
    assert await client.ghost(1, 4)  # no project
    client.open(TEXT, file.as_uri())
    assert await client.ghost(1, 4, file.as_uri()) == []
    await client.until(lambda: client.statuses[-1].code == Code.BUDGET_USED_UP)
    assert ".spark.toml" in client.statuses[-1].reason

    other = await connect(EDITOR, {"budget": {"tokensPerDay": 50}})
    other.open(TEXT, URI)
    await other.until(lambda: other.statuses and other.statuses[-1].engine == "paid")
    assert await other.ghost(1, 4) == []
    await other.until(lambda: "of all engines" in other.statuses[-1].reason)
