"""When an edit is requested a second time, with which words, and which of two answers is taken."""

import pytest

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import chat, rewrite
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse
from spark_lsp.prompts.second_try import Attempt, choose_attempt, lacks_named_code, plan_second_request
from spark_lsp.request import Objection, Part, PartKind, Request, Task
from spark_lsp.text.edits import Edit
from spark_lsp.wire.public_requests import make_public_create

REQUEST = Request(
    Task.EDIT, (Part(PartKind.TARGET, "x = 1\n"),), "Double x", action="instruct", language="python"
)
BROKEN = refuse("does not parse", Code.PROPOSAL_DOES_NOT_PARSE, "Your code does not parse: line 1.")


def attempt(size: int, *, is_doubtful: bool = False) -> Attempt:
    return Attempt("a", (Edit(0, 0, "x" * size),), is_doubtful=is_doubtful)


def test_the_reason_continues_the_conversation() -> None:
    again = plan_second_request(REQUEST, Attempt("x = (2", refusal=BROKEN))
    assert again is not None
    assert (again.objection, again.attempt) == (Objection("x = (2", BROKEN.objection), 1)


@pytest.mark.parametrize(
    "first",
    [
        attempt(3),
        Attempt("", refusal=refuse("is disguised", Code.PROPOSAL_DISGUISED, "Write it without them.")),
        Attempt("", refusal=EditRefused("There is a docstring", code=Code.DOCSTRING_EXISTS)),
        Attempt("", refusal=EditRefused("It would change a secret", code=Code.SECRET_TOUCHED)),
        Attempt("", refusal=EditRefused("It only thought", code=Code.ENGINE_ONLY_THOUGHT)),
        Attempt("…", refusal=EditRefused("It never ended", code=Code.ANSWER_CUT)),
    ],
)
def test_these_are_final(first: Attempt) -> None:
    assert plan_second_request(REQUEST, first) is None


@pytest.mark.parametrize(
    "first",
    [
        attempt(3, is_doubtful=True),
        Attempt("x = 1", refusal=ProposalRefused("No change", code=Code.NO_CHANGE, objection="The same.")),
    ],
)
def test_a_copy_is_not_shown_to_the_model_again(first: Attempt) -> None:
    again = plan_second_request(REQUEST, first)
    assert again is not None
    assert (again.objection, again.attempt) == (None, 2)


def test_an_answer_without_a_proposal_is_requested_again() -> None:
    refusal = EditRefused("It is of no use", code=Code.ANSWER_UNREADABLE)
    again = plan_second_request(REQUEST, Attempt("…", refusal=refusal))
    assert again is not None
    assert again.objection is not None
    assert "better" not in again.objection.reason


def test_of_two_that_pass_the_smaller_change_is_taken() -> None:
    assert choose_attempt(attempt(3), attempt(2)).size == 2
    assert choose_attempt(attempt(2), attempt(3)).size == 2
    assert choose_attempt(attempt(2, is_doubtful=True), attempt(3)).size == 3


def test_of_one_that_passes_it_is_taken() -> None:
    refused = Attempt("", refusal=BROKEN)
    assert choose_attempt(refused, attempt(2)).refusal is None
    assert choose_attempt(attempt(2, is_doubtful=True), refused).refusal is None


def test_of_two_refused_ones_one_that_can_be_shown_is_taken() -> None:
    shown = Attempt("", refusal=ProposalRefused("It is broken").with_edits([Edit(0, 0, "x")]))
    other = Attempt("", refusal=EditRefused("There is nothing", code=Code.NO_CHANGE))
    assert choose_attempt(shown, other) is shown
    assert choose_attempt(other, shown) is shown
    assert choose_attempt(other, Attempt("", refusal=BROKEN)).refusal is BROKEN


@pytest.mark.parametrize(
    ("instruction", "new", "lacks"),
    [
        ("Raise ValueError if size is less than 1", "if size < 1: raise TypeError", True),
        ("Raise ValueError if size is less than 1", "if size < 1: raise ValueError", False),
        ("Use `max` here", "x = max(a, b)", False),
        ("Use `max` here", "x = a if a > b else b", True),
        ("Load the pages with asyncio.gather", "for page in pages: ...", True),
        ("Replace os.path by pathlib.Path", "x", False),
        ("Make this function faster", "x", False),
        ("Return 0 for an empty list", "x", False),
        ("Rename `a` to `b`", "b", False),
    ],
)
def test_names_that_the_instruction_spells_as_code(instruction: str, new: str, *, lacks: bool) -> None:
    assert lacks_named_code(instruction, "x = 1", new) is lacks


def test_all_prompts_have_the_answer_and_the_objection_after_the_question() -> None:
    again = plan_second_request(REQUEST, Attempt("x = (2", refusal=BROKEN))
    assert again is not None
    embedded = rewrite.build_chatml_prompt(again)
    assert [role for role, _ in embedded.messages] == ["system", "user", "assistant", "user"]
    assert embedded.messages[2][1] == "```python\nx = (2\n```"
    assert embedded.messages[3][1] == BROKEN.objection
    talk = chat.build_chat_prompt(again, 1000).messages
    assert [turn.text for turn in talk[-2:]] == ["x = (2", BROKEN.objection]
    turns = make_public_create(again, "edit.0").input
    assert isinstance(turns, list)
    assert [turn["content"] for turn in turns[-2:]] == ["x = (2", BROKEN.objection]
    assert again.characters() > REQUEST.characters() + len(BROKEN.objection)


def test_the_second_attempt_of_the_embedded_model_has_another_wording() -> None:
    again = plan_second_request(REQUEST, attempt(1, is_doubtful=True))
    assert again is not None
    first, second = rewrite.build_chatml_prompt(REQUEST), rewrite.build_chatml_prompt(again)
    assert first.begun == "```python\n"
    assert second.begun == 'Here is the code after the change "Double x":\n\n```python\n'
    assert first.stop == second.stop
