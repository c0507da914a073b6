"""What a status says of itself, to programs and to people."""

from typing import get_args

import pytest

from spark_lsp.codes import Code
from spark_lsp.lsp.status import State, Status


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_a_reason_of_several_words(state: State) -> None:
    assert len(Status(state=state).message()["reason"].split()) > 2


def test_no_two_states_give_the_same_reason() -> None:
    reasons = [Status(state=state).message()["reason"] for state in get_args(State)]
    assert len(set(reasons)) == len(reasons)


def test_a_known_reason_replaces_the_general_one_until_it_is_taken_back() -> None:
    status = Status(state="ready").with_values(reason="no suggestion: x")
    assert status.message()["reason"] == "no suggestion: x"
    assert status.with_values(reason="").message() == Status(state="ready").message()


def test_the_line_for_a_person_names_the_engine_and_that_it_is_simulated() -> None:
    assert Status().line().startswith("spark-lsp: no engine yet, starting: ")
    simulated = Status(engine="wafer", simulated=True, state="busy")
    assert simulated.line() == "spark-lsp: wafer (simulated), busy: an answer is on its way"


@pytest.mark.parametrize("state", get_args(State))
def test_a_state_is_its_own_code_where_nothing_more_is_known(state: State) -> None:
    assert Status(state=state).message()["code"] == state


def test_a_new_reason_takes_the_earlier_ones_code_and_detail_along() -> None:
    told = Status(state="ready").with_values(reason="x", code=Code.GIT_IGNORED, detail="*.log")
    assert told.why == {"reason": "x", "code": "git_ignored", "detail": "*.log"}
    assert told.with_values(ttft_ms=1.0).why == told.why
    assert told.with_values(reason="y").why == {"reason": "y", "code": "", "detail": ""}
    assert told.with_values(**Status().why).message() == Status(state="ready").message()
