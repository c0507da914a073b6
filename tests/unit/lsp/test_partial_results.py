"""What a client hears of an answer that grows: thinned, never late, to its end, and once."""

import asyncio
from typing import Any

import pytest

from spark_lsp.lsp.partial_results import NOTIFY_INTERVAL_SECONDS, PartialResults
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding
from tests.patience import PATIENCE
from tests.unit.lsp.editors import RecordingClient

pytestmark = pytest.mark.anyio
BASE = Document("file:///a.py", "x = \n", 3)


class Recorder(RecordingClient):
    """An editor whose notifications a test can wait for."""

    @property
    def heard(self) -> list[dict[str, Any]]:
        return self.sent("spark/inlineCompletion")

    def texts(self) -> list[str | None]:
        return [each["item"] and each["item"].insert_text for each in self.heard]

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                await asyncio.sleep(0.001)


def partial_results(client: Recorder, *, enabled: bool = True) -> PartialResults:
    return PartialResults(client, Encoding.UTF16, enabled=enabled)


def said(text: str, *, done: bool = False) -> Suggestion:
    return Suggestion(BASE, 4, 4, text, done, token=7)


async def test_the_first_comes_at_once_and_the_latest_of_a_burst_soon() -> None:
    ear = Recorder()
    made = partial_results(ear)
    for text in ("1", "1 +", "1 + 2"):
        made.show(said(text))
    assert ear.texts() == ["1"]
    await ear.hears(2)  # though nothing more is said
    assert ear.texts() == ["1", "1 + 2"]
    assert [each["seq"] for each in ear.heard] == [0, 1]
    assert {(each["token"], each["version"], each["done"]) for each in ear.heard} == {(7, 3, False)}


async def test_the_end_is_told_at_once_and_nothing_after_it() -> None:
    ear = Recorder()
    made = partial_results(ear)
    made.show(said("1"))
    made.show(said("1 +"))
    made.show(said("1 + 2", done=True))
    made.show(said("1 + 2", done=True))
    made.withdraw(said("1 + 2", done=True))
    await asyncio.sleep(NOTIFY_INTERVAL_SECONDS * 2)
    assert ear.texts() == ["1", "1 + 2"]
    assert ear.heard[-1]["done"]


async def test_what_is_contradicted_is_taken_back() -> None:
    ear = Recorder()
    made = partial_results(ear)
    made.show(said("1"))
    made.show(said("1 +"))
    made.withdraw(said("1 +"))
    await asyncio.sleep(NOTIFY_INTERVAL_SECONDS * 2)
    assert ear.texts() == ["1", None]
    assert ear.heard[-1]["done"]


async def test_of_an_answer_that_was_never_told_of_nothing_is_told() -> None:
    ear = Recorder()
    partial_results(ear).withdraw(said(""))
    assert ear.heard == []


async def test_a_client_that_shows_no_growth_hears_nothing() -> None:
    ear = Recorder()
    made = partial_results(ear, enabled=False)
    made.show(said("1", done=True))
    assert not made.enabled
    assert ear.heard == []
