"""The closed list of reasons: each has a text, a remedy, and an answer to whether asking again can help."""

from typing import get_args

import pytest

from spark_lsp.codes import Code, Reason
from spark_lsp.session.reasons import REMEDIES, TEXTS, explains, is_lasting, sentence

REASONS: tuple[Reason, ...] = get_args(Reason)


@pytest.mark.parametrize("reason", REASONS)
def test_each_has_a_text_and_a_remedy(reason: Reason):
    assert TEXTS[reason]
    assert REMEDIES[reason]


def test_the_texts_differ():
    assert len(set(TEXTS.values())) == len(REASONS) == len(TEXTS) == len(REMEDIES)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (Code.SECRET_FILE, True),
        ("secret_file", True),
        (Code.COMPLETIONS_DISABLED, True),
        (Code.NOTHING_TO_ADD, False),
        (Code.NO_ANSWER, False),
        (Code.READY, False),
        ("of a later release", False),
        (None, False),
    ],
)
def test_what_asking_again_cannot_change(code: object, expected: bool):
    assert is_lasting(code) is expected


@pytest.mark.parametrize("code", Code)
def test_which_codes_explain_a_missing_suggestion(code: Code):
    assert explains(code) is (code in REASONS)


def test_a_detail_follows_the_text():
    assert sentence(Code.GIT_IGNORED) == TEXTS[Code.GIT_IGNORED]
    assert sentence(Code.GIT_IGNORED, "*.log") == f"{TEXTS[Code.GIT_IGNORED]}: *.log"
