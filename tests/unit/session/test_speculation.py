"""The suggestion after the next acceptance: when it is requested, and which request it answers."""

import pytest

from spark_lsp.session.effects import AdoptStream, AnswerText, ShowText, StartAhead, StopStream
from spark_lsp.session.speculation import REST_SECONDS, Policy, Trigger, choose_trigger
from spark_lsp.session.suggestion_stream import StreamState, SuggestionStream
from tests.unit.session.test_life_cycle import BASE, BROKEN, CURSOR, LOST, World


@pytest.mark.parametrize(
    ("setting", "is_free", "trigger"),
    [
        ("auto", True, Trigger.SHOWN),
        ("auto", False, Trigger.ACCEPTED),
        ("shown", False, Trigger.SHOWN),
        ("accepted", True, Trigger.ACCEPTED),
        ("off", True, Trigger.NEVER),
    ],
)
def test_an_engine_that_costs_money_gets_no_request_before_the_acceptance(
    setting: str, is_free: bool, trigger: Trigger
) -> None:
    assert choose_trigger(setting, is_free=is_free) is trigger


def offered(
    trigger: Trigger = Trigger.SHOWN, text: str = "alpha", *, partial: bool = False, cursor: int = CURSOR
) -> World:
    """A world with a complete suggestion that its client shows."""
    world = World(partial=partial, trigger=trigger)
    world.cursor = cursor
    world.request()
    world.chunk(text)
    world.finish()
    return world


def looked_at(*, partial: bool = False) -> tuple[World, SuggestionStream]:
    """A world whose user has rested on a suggestion, and the stream that was started ahead."""
    world = offered(partial=partial)
    world.wait(REST_SECONDS)
    assert world.ahead is not None
    return world, world.ahead


def count(world: World, kind: type) -> int:
    return sum(isinstance(effect, kind) for effect in world.log)


def test_after_a_rest_the_text_after_the_acceptance_is_requested_once() -> None:
    world = offered()
    world.wait(REST_SECONDS * 0.9)
    assert world.ahead is None
    world.wait(REST_SECONDS * 0.1)
    assert world.ahead is not None
    made = world.ahead.suggestion
    assert made.document.text == BASE.text[:CURSOR] + "alpha" + BASE.text[CURSOR:]
    assert made.anchor == CURSOR + len("alpha")
    world.wait(10)
    assert count(world, StartAhead) == 1


def test_each_request_begins_the_rest_again() -> None:
    world = offered()
    world.wait(REST_SECONDS * 0.9)
    world.type("al")
    world.request()
    world.wait(REST_SECONDS * 0.9)
    assert world.ahead is None
    world.wait(REST_SECONDS * 0.1)
    assert world.ahead is not None


@pytest.mark.parametrize("text", ["", "alpha"])
def test_only_a_complete_suggestion_with_text_is_accepted_ahead(text: str) -> None:
    world = World(trigger=Trigger.SHOWN)
    world.request()
    if text:
        world.chunk(text + "\n")  # more may follow
    else:
        world.finish()
        world.finish()
    world.wait(REST_SECONDS)
    assert world.ahead is None


def test_a_suggestion_that_no_client_has_is_not_accepted_ahead() -> None:
    world = World(trigger=Trigger.SHOWN)
    world.cancel(world.request())
    world.chunk("alpha")
    world.finish()
    world.wait(REST_SECONDS)
    assert world.ahead is None


def test_the_request_after_the_acceptance_is_answered_at_once() -> None:
    world, ahead = looked_at()
    world.chunk("beta", ahead)
    world.finish(ahead)
    world.accept()
    made = world.request()
    assert world.live is ahead
    assert world.texts() == ["alpha", "beta"]
    assert isinstance(world.answers[made], AnswerText)
    assert len(world.streams) == 2


def test_the_request_after_the_acceptance_joins_an_answer_on_its_way() -> None:
    world, ahead = looked_at()
    world.accept()
    made = world.request()
    world.chunk("beta")
    world.finish()
    assert world.live is ahead
    assert world.texts()[-1] == "beta"
    assert made in world.answers


def test_the_suggestion_after_that_is_requested_ahead_in_turn() -> None:
    world, ahead = looked_at()
    world.chunk("beta", ahead)
    world.finish(ahead)
    world.accept()
    world.request()
    world.wait(REST_SECONDS)
    assert world.ahead is not None
    assert world.ahead.suggestion.document.text == BASE.text[:CURSOR] + "alphabeta" + BASE.text[CURSOR:]


@pytest.mark.parametrize("trigger", [Trigger.ACCEPTED, Trigger.SHOWN])
@pytest.mark.parametrize("steps", [["alpha"], ["al", "pha"], list("alpha")])
def test_an_acceptance_requests_the_next_suggestion(trigger: Trigger, steps: list[str]) -> None:
    world = offered(trigger)
    for step in steps:
        assert world.ahead is None
        world.type(step)
    assert world.ahead is not None
    world.wait(1)
    world.request()
    assert count(world, StartAhead) == 1
    assert len(world.streams) == 2


def test_a_request_ahead_ends_if_its_text_contradicts_what_was_typed_before_it() -> None:
    world = offered(Trigger.ACCEPTED)
    world.type("alpha")
    ahead = world.ahead
    world.type("x")  # the answer may begin with it
    assert ahead is not None
    assert world.ahead is ahead
    world.chunk("beta", ahead)
    assert world.ahead is None
    assert ahead.state is StreamState.DROPPED


def test_an_acceptance_that_replaces_a_closing_bracket_counts_too() -> None:
    world = World(BASE.splice(CURSOR, CURSOR, "()"), trigger=Trigger.ACCEPTED)
    world.cursor = CURSOR + 1
    world.request()
    world.chunk("a, b).c")
    world.finish()
    assert world.live is not None
    assert world.live.suggestion.end == CURSOR + 2
    world.accept()
    assert world.ahead is not None
    assert world.ahead.suggestion.document.text == BASE.text[:CURSOR] + "(a, b).c" + BASE.text[CURSOR:]


def test_without_permission_nothing_is_requested_ahead() -> None:
    world = offered(Trigger.NEVER)
    world.wait(REST_SECONDS)
    world.accept()
    assert world.ahead is None
    world.request()
    assert count(world, StartAhead) == 0


def test_partial_acceptances_use_the_same_answer_and_keep_the_next_one() -> None:
    world, ahead = looked_at()
    for word in ("al", "ph"):
        world.type(word)
        world.request()
    assert (world.texts(), world.ahead) == (["alpha", "pha", "a"], ahead)
    world.type("a")
    world.request()
    assert world.live is ahead
    assert len(world.streams) == 2


def test_letters_typed_after_the_acceptance_use_the_next_suggestion() -> None:
    world, ahead = looked_at(partial=True)
    world.chunk("be", ahead)
    world.accept()
    world.type("b")
    world.request()
    assert world.texts()[-1] == "e"
    world.chunk("ta")
    shown = world.log[-1]
    assert isinstance(shown, ShowText)
    assert (shown.suggestion.text, shown.suggestion.document) == ("eta", world.document)
    world.finish()
    assert world.shown[ahead.suggestion.token] == "eta"


def test_nothing_of_it_is_shown_before_the_acceptance() -> None:
    world, ahead = looked_at(partial=True)
    before = count(world, ShowText)
    world.chunk("beta", ahead)
    world.wait(1)
    world.finish(ahead)
    assert count(world, ShowText) == before


def test_a_contradiction_ends_it() -> None:
    world, ahead = looked_at()
    world.type("x")
    assert world.log[-1] == StopStream(ahead)
    assert world.ahead is None


def test_another_request_ends_it_first() -> None:
    world, ahead = looked_at()
    world.cursor = 3
    world.request()
    stopped, started = world.log[-2:]
    assert stopped == StopStream(ahead)
    assert started != AdoptStream(ahead)
    assert world.ahead is None


@pytest.mark.parametrize("error", [BROKEN, LOST])
def test_its_failure_is_silent_and_the_request_itself_is_sent(error: object) -> None:
    world, ahead = looked_at()
    world.fail(error, ahead)  # type: ignore[arg-type]
    assert world.log[-1] == StopStream(ahead)
    world.accept()
    world.request()
    assert world.live is not ahead


def test_its_second_answer_is_requested_as_for_any_other() -> None:
    world, ahead = looked_at()
    world.chunk("\u202eevil", ahead)
    assert ahead in world.asked_again
    world.chunk("beta", ahead)
    world.finish(ahead)
    world.accept()
    world.request()
    assert world.texts()[-1] == "beta"


def test_an_empty_next_suggestion_is_known() -> None:
    world, ahead = looked_at()
    for _ in range(2):
        world.finish(ahead)
    world.accept()
    world.request()
    assert world.live is ahead
    assert not world.pending


def test_another_engine_or_setting_ends_it_and_its_answers_are_not_used() -> None:
    world = World(trigger=Trigger.SHOWN)
    world.life.speculation.set_policy(Policy(Trigger.SHOWN, "one engine"))
    world.request()
    world.chunk("alpha")
    world.finish()
    world.wait(REST_SECONDS)
    ahead = world.ahead
    assert ahead is not None
    world.perform(world.life.speculation.set_policy(Policy(Trigger.SHOWN, "another engine")))
    assert world.log[-1] == StopStream(ahead)
    world.type("x")
    world.change(CURSOR, CURSOR + 1, "", CURSOR)
    world.request()
    assert count(world, AdoptStream) == 0


def test_news_of_the_first_engine_ends_nothing_and_a_ban_ends_it() -> None:
    world, ahead = looked_at()
    assert world.life.speculation.set_policy(Policy(Trigger.ACCEPTED, "the engine")) == []
    world.perform(world.life.speculation.set_policy(Policy(Trigger.NEVER, "the engine")))
    assert world.log[-1] == StopStream(ahead)


def test_going_back_to_a_text_shows_its_suggestion_again() -> None:
    world = offered(Trigger.NEVER)
    world.type("x")
    world.change(CURSOR, CURSOR + 1, "", CURSOR)
    world.request()
    world.type("al")
    world.request()
    assert world.texts() == ["alpha", "alpha", "pha"]
    assert len(world.streams) == 2
    assert world.streams[0].suggestion.token < world.streams[1].suggestion.token


def test_a_visit_to_another_line_keeps_the_suggestion() -> None:
    world = offered(Trigger.NEVER)
    world.cursor = 3
    world.request()
    world.cursor = CURSOR
    world.request()
    assert world.texts() == ["alpha", "alpha"]


def test_the_part_of_an_answer_that_a_failed_engine_sent_is_not_kept() -> None:
    world = World()
    world.request()
    world.chunk("1\n    y = ")
    world.fail(BROKEN)
    world.type("x")
    world.change(CURSOR, CURSOR + 1, "", CURSOR)
    world.request()
    assert count(world, AdoptStream) == 0
