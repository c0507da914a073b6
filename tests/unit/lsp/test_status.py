"""No state is told without a reason."""

from typing import get_args

import pytest

from spark_lsp.lsp.status import State, Status


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_a_reason(state: State) -> None:
    assert Status(state=state).message()["reason"]
    assert Status(state=state, reason="no suggestion: x").message()["reason"] == "no suggestion: x"
