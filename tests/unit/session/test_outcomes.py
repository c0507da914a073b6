"""What became of a suggestion, event by event."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.outcomes import REMEMBERED, SEEN_SECONDS, Ended, Origin, Outcome, Outcomes
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

BASE = Document("file:///a.py", "x = \ny\n", 1, "python")
AT = 4
SAID = "call(1)"


def suggestion(text: str = SAID, token: int = 1, document: Document = BASE, at: int = AT) -> Suggestion:
    return Suggestion(document, at, at, text, done=True, token=token)


def after(typed: str, at: int = AT, base: Document = BASE) -> Document:
    return base.splice(at, at, typed, base.version + 1)


class Screen:
    """One document, in which text is typed at the cursor."""

    def __init__(self, text: str = SAID) -> None:
        self.outcomes = Outcomes()
        self.document, self.at = BASE, AT
        self.ended = self.outcomes.show(suggestion(text), Origin(), 0.0)

    def type(self, text: str, now: float = 0.1) -> None:
        self.document = after(text, self.at, self.document)
        self.at += len(text)
        self.ended += self.outcomes.change(self.document, now)

    def say(self) -> list[tuple[str, int]]:
        return [(each.outcome.value, each.accepted_chars) for each in self.ended]


def test_a_text_that_is_inserted_at_once_is_accepted_once() -> None:
    screen = Screen()
    screen.type(SAID)
    assert screen.outcomes.accept(1) == []
    assert screen.say() == [("accepted", len(SAID))]


def test_an_acceptance_that_is_reported_before_the_change_counts() -> None:
    screen = Screen()
    screen.ended += screen.outcomes.accept(1)
    screen.type(SAID)
    assert screen.say() == [("accepted", len(SAID))]


def test_words_that_are_accepted_count_as_partly_until_all_is() -> None:
    screen = Screen()
    screen.type("call")
    screen.ended += screen.outcomes.accept(1)
    assert screen.say() == [("partly", 4)]
    screen.type("(1)")
    screen.ended += screen.outcomes.accept(1)
    assert screen.say()[-1] == ("accepted", len(SAID))


def test_a_last_letter_that_is_accepted_completes_it() -> None:
    screen = Screen()
    screen.type("call(1")
    screen.ended += screen.outcomes.accept(1)
    screen.type(")")
    screen.ended += screen.outcomes.accept(1)
    assert screen.say()[-1] == ("accepted", len(SAID))


def test_the_closers_of_the_editor_are_replaced_by_an_acceptance() -> None:
    document = Document("file:///a.py", "x = ()\ny\n", 1, "python")
    outcomes = Outcomes()
    outcomes.show(Suggestion(document, 5, 6, "1, 2)", done=True, token=1), Origin(), 0.0)
    [ended] = outcomes.change(document.splice(5, 6, "1, 2)", 2), 0.1)
    assert ended.outcome is Outcome.ACCEPTED


def test_letters_that_are_typed_one_by_one_are_no_acceptance() -> None:
    screen = Screen()
    for letter in SAID:
        screen.type(letter)
    assert screen.say() == [("typed", 0)]


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(SEEN_SECONDS, Outcome.IGNORED), (SEEN_SECONDS / 2, Outcome.BRIEF)]
)
def test_a_contradicted_text_is_ignored_if_it_was_seen(seconds: float, outcome: Outcome) -> None:
    screen = Screen()
    screen.type("c", now=0.1)
    screen.type("x", now=seconds)
    [ended] = screen.ended
    assert (ended.outcome, ended.is_contradicted) == (outcome, True)
    assert (ended.shown.suggestion.anchor, ended.shown.suggestion.text) == (AT + 1, SAID[1:])


def test_a_change_elsewhere_ends_it_too() -> None:
    outcomes = Outcomes()
    outcomes.show(suggestion(), Origin(), 0.0)
    assert [each.outcome for each in outcomes.change(after("z", 0), 9.0)] == [Outcome.IGNORED]
    assert outcomes.change(Document("file:///b.py", "", 1), 9.0) == []


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (0, 0, "import os\n"),  # an import that another tool adds
        (AT, len(BASE.text), "\ny = 1\nz = 2\n"),  # a formatter below
        (0, len(BASE.text), "\n\nx = \n\ny\n"),  # the whole text again
        (0, AT, "x: int = "),  # an item of a menu, in place of letters before the cursor
        (AT - 1, AT, ""),  # letters are deleted
    ],
)
def test_a_change_elsewhere_says_nothing_about_a_suggestion(start: int, end: int, text: str) -> None:
    outcomes = Outcomes()
    outcomes.show(suggestion(), Origin(), 0.0)
    [ended] = outcomes.change(BASE.splice(start, end, text, 2), SEEN_SECONDS)
    assert (ended.outcome, ended.is_contradicted) == (Outcome.IGNORED, False)


def test_a_rejection_and_what_follows_it() -> None:
    screen = Screen()
    screen.ended += screen.outcomes.reject(1, 0.1)
    assert screen.outcomes.reject(1, 0.1) == []
    assert screen.outcomes.show(suggestion(), Origin(), 0.2) == []
    screen.type("x")
    assert screen.say() == [("rejected", 0)]


@pytest.mark.parametrize(("now", "outcome"), [(0.1, "brief"), (SEEN_SECONDS, "ignored")])
def test_leaving_the_mode_is_no_rejection(now: float, outcome: str) -> None:
    screen = Screen()
    screen.ended += screen.outcomes.reject(1, now, leaving=True)
    assert screen.say() == [(outcome, 0)]


def test_the_rest_of_a_partly_accepted_text_may_be_rejected() -> None:
    screen = Screen()
    screen.type("call")
    screen.outcomes.accept(1)
    assert [each.outcome for each in screen.outcomes.reject(1, 0.3)] == [Outcome.PARTLY]


def test_another_suggestion_ends_the_one_before_and_the_close_ends_the_last() -> None:
    outcomes = Outcomes()
    outcomes.show(suggestion(), Origin(), 0.0)
    [first] = outcomes.show(suggestion("other", token=2), Origin(), 5.0)
    assert (first.shown.suggestion.token, first.outcome, first.is_contradicted) == (1, Outcome.IGNORED, False)
    assert [each.outcome for each in outcomes.close(BASE.uri, 5.1)] == [Outcome.BRIEF]
    assert outcomes.close(BASE.uri, 5.1) == []


def test_a_growing_text_is_one_suggestion_and_may_vanish() -> None:
    outcomes = Outcomes()
    origin = Origin("replay", "replay", 0.25, 0.5)
    outcomes.show(suggestion("call"), origin, 0.0)
    assert outcomes.change(after("c"), 0.1) == []
    assert outcomes.show(suggestion(), Origin(), 0.2) == []  # made for the text before that letter
    assert outcomes.withdraw(7, BASE.uri, 0.3) == []
    [ended] = outcomes.show(replace(suggestion(), text=""), Origin(), 0.3)
    assert ended.outcome is Outcome.BRIEF
    assert (ended.shown.chars, ended.shown.origin) == (len(SAID), origin)


def test_an_unknown_token_changes_nothing() -> None:
    outcomes = Outcomes()
    outcomes.show(suggestion(), Origin(), 0.0)
    assert outcomes.accept(7) == outcomes.reject(7, 0.1) == []
    assert outcomes.show(suggestion("", token=9), Origin(), 0.1) == []


def test_only_the_last_ends_are_remembered() -> None:
    outcomes = Outcomes()
    for token in range(1, REMEMBERED + 3):
        outcomes.show(suggestion(token=token), Origin(), 0.0)
    assert outcomes.accept(1) == []
    assert [each.outcome for each in outcomes.accept(2)] == [Outcome.ACCEPTED]


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("show"), st.integers(1, 3)),
        st.tuples(st.just("type"), st.sampled_from(["c", "a", "x", "call", SAID])),
        st.tuples(st.just("accept"), st.integers(1, 3)),
        st.tuples(st.just("reject"), st.integers(1, 3)),
        st.tuples(st.just("close"), st.just(0)),
    ),
    max_size=12,
)


@given(EVENTS)
def test_every_suggestion_has_at_most_one_outcome_unless_it_is_accepted(
    events: list[tuple[str, object]],
) -> None:
    outcomes, document, at, now = Outcomes(), BASE, AT, 0.0
    ended: list[Ended] = []
    token, tokens = 0, dict[int, int]()
    for kind, value in events:
        now += 0.5
        if kind == "show":
            token += 1
            tokens[int(str(value))] = token
            ended += outcomes.show(suggestion(token=token, document=document, at=at), Origin(), now)
        elif kind == "type":
            document, at = after(str(value), at, document), at + len(str(value))
            ended += outcomes.change(document, now)
        elif kind == "accept":
            ended += outcomes.accept(tokens.get(int(str(value)), 0))
        elif kind == "reject":
            ended += outcomes.reject(tokens.get(int(str(value)), 0), now)
        else:
            ended += outcomes.close(document.uri, now)
    by_token: dict[int, list[Outcome]] = {}
    for each in ended:
        by_token.setdefault(each.shown.suggestion.token, []).append(each.outcome)
        assert 0 <= each.accepted_chars <= each.shown.chars
    for found in by_token.values():
        final = [each for each in found if each not in (Outcome.PARTLY, Outcome.ACCEPTED)]
        assert len(final) <= 1
        assert found.count(Outcome.ACCEPTED) <= 1
