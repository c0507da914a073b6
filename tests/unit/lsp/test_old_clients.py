"""Clients of releases without codes still work: they find the sentences that they compare."""

import re
from typing import Any, get_args

import pytest

from spark_lsp.codes import Code, Reason
from spark_lsp.lsp.parts import Parts
from spark_lsp.session import reasons
from tests.unit.lsp import old_client_texts as old
from tests.unit.lsp.editors import RecordingClient, recording_parts

REASONS: tuple[Reason, ...] = get_args(Reason)
# An earlier client does not know these and asks once more, which costs nothing.
NEWER: tuple[Reason, ...] = (Code.BUDGET_USED_UP,)
DETAILS = ("", ".env")


def publishing_parts() -> tuple[Parts, RecordingClient]:
    parts, client = recording_parts()
    parts.status.publishing = True
    return parts, client


def status_after(reason: Reason, detail: str) -> dict[str, Any]:
    """Return the `spark/status` that a request without a suggestion leaves behind."""
    parts, client = publishing_parts()
    parts.status.update(state="ready")
    parts.status.explain(reason, detail)
    method, status = client.notifications[-1]
    assert method == "spark/status"
    return status


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("reason", REASONS)
def test_an_earlier_neovim_says_the_same_as_one_that_compares_codes(reason: Reason, detail: str) -> None:
    status = status_after(reason, detail)
    worth_saying = status["code"] != Code.NOTHING_TO_ADD
    assert old.neovim_says(status) == (f"spark: {status['reason']}" if worth_saying else None)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("reason", [each for each in REASONS if each not in NEWER])
def test_an_earlier_complete_asks_again_for_the_same_reasons(reason: Reason, detail: str) -> None:
    status = status_after(reason, detail)
    assert status["code"] == reason
    assert old.lasts(status["reason"]) is reasons.is_lasting(status["code"])


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("reason", REASONS)
def test_an_earlier_complete_prints_the_same(reason: Reason, detail: str) -> None:
    status = status_after(reason, detail)
    assert old.shown(status["reason"]) == reasons.sentence(reason, status["detail"])


@pytest.mark.parametrize("state", ["ready", "starting", "busy"])
def test_an_earlier_neovim_shows_the_engine_of_one_that_is_well(state: Any) -> None:
    parts, _ = publishing_parts()
    parts.status.update(engine="replay", state=state)
    assert old.neovim_says(parts.status.current.message()) is None


@pytest.mark.parametrize("state", ["degraded", "off"])
def test_an_earlier_neovim_shows_what_the_matter_is(state: Any) -> None:
    parts, _ = publishing_parts()
    parts.status.update(state=state, reason="The gateway was lost", code=Code.CONNECTION_LOST)
    assert old.neovim_says(parts.status.current.message()) == "spark: The gateway was lost"


def test_an_earlier_benchmark_reads_how_much_of_an_edit_has_come() -> None:
    parts, client = publishing_parts()
    progress = parts.progress.create("Edit", lambda: None)
    progress._is_shown = True
    progress.report("120 characters", characters=120)
    (_, params), *_ = client.notifications
    assert params == {
        "token": "spark-1",
        "value": {"kind": "report", "message": "120 characters", "characters": 120},
    }
    assert old.characters(params["value"]) == 120
    assert old.characters({"kind": "report", "message": "replay is working"}) is None


def test_no_reason_contains_another_ones_text() -> None:
    texts = [*reasons.TEXTS.values()]
    assert not [(one, two) for one in texts for two in texts if one != two and one in two]
    assert all(re.fullmatch(r"[^:]+", text) for text in texts)  # a colon begins the detail
