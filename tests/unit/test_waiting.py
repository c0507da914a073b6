"""The recorded typing sessions: they type what they say, and most of their requests need not wait."""

import random
from collections.abc import Sequence

import pytest

from scripts.measure_waiting import POLICIES, Outcome, add_up
from scripts.model_waiting import model
from scripts.record_typing import PLANS, Plan, Recorder
from scripts.typing_session import SESSIONS, Session, load_session

RECORDED = [load_session(path) for path in sorted(SESSIONS.glob("*.json"))]


def final_text(session: Session) -> str:
    """The text after all steps; an acceptance inserts its text, whatever is shown."""
    text, cursor = session.text, session.cursor
    for step in session.steps:
        start = cursor - step.number if step.kind == "delete" else cursor
        if step.kind == "move":
            cursor = step.number
        else:
            text = text[:start] + step.text + text[cursor:]
            cursor = start + len(step.text)
    return text


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_session_types_a_part_of_its_file(plan: Plan) -> None:
    recorder = Recorder(plan, random.Random(7))
    session = recorder.record()
    assert final_text(session) == recorder.whole
    assert len(session.text) < len(recorder.whole)


def test_a_session_is_read_as_it_was_written(tmp_path: object) -> None:
    for session in RECORDED:
        session.save(tmp_path)  # type: ignore[arg-type]
        assert load_session(tmp_path / f"{session.name}.json") == session  # type: ignore[operator]
    kinds = {step.kind for session in RECORDED for step in session.steps}
    assert kinds == {"type", "accept", "delete", "move"}
    assert {session.language for session in RECORDED} == {"python", "typescript", "rust"}


def summed(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    return {policy: add_up(outcomes, policy) for policy in POLICIES}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """The sums of all sessions, with an engine that needs 300 ms."""
    return summed([model(session, policy) for session in RECORDED for policy in POLICIES])


@pytest.mark.slow
def test_most_answers_do_not_wait_for_the_engine(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["off"].share >= 0.6
    assert outcomes["shown"].share > outcomes["off"].share
    assert outcomes["accepted"].share >= outcomes["off"].share


@pytest.mark.slow
def test_a_request_at_the_acceptance_costs_no_more_and_is_always_of_use(outcomes: dict[str, Outcome]) -> None:
    off, accepted = outcomes["off"].counts, outcomes["accepted"].counts
    assert accepted["engine_requests"] <= off["engine_requests"]
    assert accepted["ahead_used"] == accepted["ahead_requests"] > 0


@pytest.mark.slow
def test_a_request_after_a_look_costs_less_than_a_tenth_more(outcomes: dict[str, Outcome]) -> None:
    off, shown = outcomes["off"].counts, outcomes["shown"].counts
    assert shown["engine_requests"] < off["engine_requests"] * 1.1
    assert shown["ahead_used"] > shown["ahead_requests"] / 4


@pytest.mark.slow
def test_the_suggestions_of_a_session_are_the_same_with_and_without(outcomes: dict[str, Outcome]) -> None:
    """Some are there earlier, so some more are accepted, and some are typed along."""
    assert abs(outcomes["shown"].accepted - outcomes["off"].accepted) <= 5
