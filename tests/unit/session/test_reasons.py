"""Each reason has a remedy; only some of them may be gone in another moment."""

import pytest

from spark_lsp.session.reasons import REMEDIES, Reason, lasts


@pytest.mark.parametrize("reason", Reason)
def test_each_has_a_remedy(reason: Reason):
    assert REMEDIES[reason]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(Reason.SECRET_FILE, True), (Reason.DISABLED, True), (Reason.NOTHING, False), (Reason.ENGINE, False)],
)
def test_what_asking_again_cannot_change(reason: Reason, expected: bool):
    assert lasts(f"no suggestion: {reason.value}: .env") is expected


def test_no_reason_does_not_last():
    assert not lasts("")
