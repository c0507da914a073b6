"""Tests: the code under test stays byte for byte, and a test is added."""

import re

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse

_TEST = re.compile(
    r"\btest|\bassert|\bexpect|\bit\(|\bdescribe\(|\bshould\b|#\[test\]|@Test\b", re.IGNORECASE
)


def check_tests(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the code under test has changed, or if no test was added."""
    if any(edit.start != edit.end for edit in change.edits):
        raise refuse(
            "changed the code under test",
            Code.PROPOSAL_CHANGES_CODE,
            "Your answer changes the code. Write only the tests for it.",
        )
    if not any(_TEST.search(edit.new) for edit in change.edits):
        raise make_test_refusal()


def make_test_refusal() -> ProposalRefused:
    """Return the refusal of an answer without a test."""
    return refuse(
        "adds no test",
        Code.PROPOSAL_OFF_REQUEST,
        "Your answer has no test. Write a test function that calls the code and checks its result.",
    )
