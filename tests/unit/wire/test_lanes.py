"""The state table: in order on a lane, independent across lanes, one end each."""

import itertools

import pytest

from spark_lsp.errors import LocalProtocolError, RemoteProtocolError
from spark_lsp.wire.lanes import MAX_LANES, TABLE, Lanes, State, Step


def in_state(state: State) -> Lanes:
    """Return lanes whose response "r" is in this state."""
    lanes = Lanes()
    lanes.enter("a", "r")
    steps = {State.WAITING: 0, State.OPEN: 1, State.ACTIVE: 2}
    for step in [Step.ADMIT, Step.START][: steps.get(state, 0)]:
        assert lanes.step("r", step)
    if state is State.DONE:
        assert lanes.step("r", Step.END)
    return lanes


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, Step)))
def test_every_state_and_step_is_in_the_table_or_late_or_a_bug(state: State, step: Step):
    lanes = in_state(state)
    assert lanes.state("r") is state
    if state is State.DONE:
        assert lanes.step("r", step) is False
    elif (state, step) in TABLE:
        assert lanes.step("r", step) is True
        assert lanes.state("r") is TABLE[state, step]
    else:
        with pytest.raises(LocalProtocolError, match=f"{state.name} cannot {step.name}"):
            lanes.step("r", step)
        assert lanes.state("r") is state


def test_every_state_can_end():
    assert {state for state, step in TABLE if step is Step.END} == set(State) - {State.DONE}


def test_a_lane_is_first_come_first_served():
    lanes = Lanes()
    for response in ("r1", "r2", "r3"):
        lanes.enter("a", response)
    order: list[str] = []
    while (response := lanes.admissible("a")) is not None:
        order.append(response)
        assert lanes.step(response, Step.ADMIT)
        assert lanes.admissible("a") is None  # the next one waits for the end of this one
        lanes.step(response, Step.END)
    assert order == ["r1", "r2", "r3"]


def test_lanes_are_independent_and_the_default_lane_is_one_of_them():
    lanes = Lanes()
    lanes.enter("a", "r1")
    lanes.enter(None, "r2")
    lanes.step("r1", Step.ADMIT)
    assert lanes.admissible(None) == "r2"
    assert (lanes.lane("r1"), lanes.lane("r2")) == ("a", None)
    assert lanes.current("a") == "r1"
    assert lanes.current("b") is None
    assert lanes.list_unfinished() == ["r1", "r2"]


def test_a_waiting_response_may_leave_from_the_middle():
    lanes = Lanes()
    for response in ("r1", "r2", "r3"):
        lanes.enter("a", response)
    lanes.step("r1", Step.ADMIT)
    assert lanes.step("r2", Step.END)
    assert lanes.admissible("a") is None
    lanes.step("r1", Step.END)
    assert lanes.admissible("a") == "r3"


def test_an_ended_response_is_forgotten():
    lanes = in_state(State.DONE)
    assert lanes.list_unfinished() == []
    assert lanes.state("r") is State.DONE
    assert lanes.admissible("a") is None


@pytest.mark.parametrize("name", ["", "x" * 257, "a b", "a/b", "é", "a\n", "١"])
def test_a_bad_name_is_refused(name: str):
    with pytest.raises(RemoteProtocolError) as caught:
        Lanes().enter(name, "r")
    assert caught.value.code == "invalid_stream_id"


@pytest.mark.parametrize("name", ["x" * 256, "ic.0", "A_b-9."])
def test_a_good_name_is_taken(name: str):
    lanes = Lanes()
    lanes.enter(name, "r")
    assert lanes.admissible(name) == "r"


def test_names_are_limited_and_never_freed():
    lanes = Lanes()
    lanes.enter(None, "unnamed")  # does not count
    for number in range(MAX_LANES):
        lanes.enter(f"l{number}", f"r{number}")
        lanes.step(f"r{number}", Step.END)
    lanes.enter("l0", "again")
    lanes.enter(None, "unnamed again")
    with pytest.raises(RemoteProtocolError) as caught:
        lanes.enter("one-more", "r")
    assert caught.value.code == "websocket_stream_limit_reached"
