"""Clients of releases without codes still work: they find the sentences that they compare."""

import re
from typing import Any, get_args

import pytest

from spark_lsp.codes import Code, Reason
from spark_lsp.lsp.progress import Progress
from spark_lsp.lsp.server import SparkServer
from spark_lsp.session import reasons
from tests.unit.lsp import old_client_texts as old

REASONS: tuple[Reason, ...] = get_args(Reason)
DETAILS = ("", ".env")


class Editor(SparkServer):
    """A server whose notifications are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, Any]] = []
        self._publishing = True

    def notify(self, method: str, params: Any) -> None:
        self.told.append((method, dict(params)))


def status_after(reason: Reason, detail: str) -> dict[str, Any]:
    """Return the `spark/status` that a request without a suggestion leaves behind."""
    server = Editor()
    server.tell(state="ready")
    server.explain(reason, detail)
    method, status = server.told[-1]
    assert method == "spark/status"
    return status


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("reason", REASONS)
def test_an_earlier_neovim_says_the_same_as_one_that_compares_codes(reason: Reason, detail: str) -> None:
    status = status_after(reason, detail)
    worth_saying = status["code"] != Code.NOTHING_TO_ADD
    assert old.neovim_says(status) == (f"spark: {status['reason']}" if worth_saying else None)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("reason", REASONS)
def test_an_earlier_complete_asks_again_for_the_same_reasons(reason: Reason, detail: str) -> None:
    status = status_after(reason, detail)
    assert status["code"] == reason
    assert old.lasts(status["reason"]) is reasons.lasts(status["code"])


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("reason", REASONS)
def test_an_earlier_complete_prints_the_same(reason: Reason, detail: str) -> None:
    status = status_after(reason, detail)
    assert old.shown(status["reason"]) == reasons.sentence(reason, status["detail"])


@pytest.mark.parametrize("state", ["ready", "starting", "busy"])
def test_an_earlier_neovim_shows_the_engine_of_one_that_is_well(state: Any) -> None:
    server = Editor()
    server.tell(engine="replay", state=state)
    assert old.neovim_says(server.status.message()) is None


@pytest.mark.parametrize("state", ["degraded", "off"])
def test_an_earlier_neovim_shows_what_the_matter_is(state: Any) -> None:
    server = Editor()
    server.tell(state=state, reason="The gateway was lost", code=Code.CONNECTION_LOST)
    assert old.neovim_says(server.status.message()) == "spark: The gateway was lost"


def test_an_earlier_benchmark_reads_how_much_of_an_edit_has_come() -> None:
    server = Editor()
    progress = Progress(server, "Edit", lambda: None)
    progress._token = "token"
    progress.report("120 characters", characters=120)
    (_, params), *_ = server.told
    assert params == {
        "token": "token",
        "value": {"kind": "report", "message": "120 characters", "characters": 120},
    }
    assert old.characters(params["value"]) == 120
    assert old.characters({"kind": "report", "message": "replay is working"}) is None


def test_no_reason_contains_another_ones_text() -> None:
    texts = [*reasons.TEXTS.values()]
    assert not [(one, two) for one in texts for two in texts if one != two and one in two]
    assert all(re.fullmatch(r"[^:]+", text) for text in texts)  # a colon begins the detail
