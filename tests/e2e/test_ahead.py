"""Typing sessions with suggestions that are requested ahead, or are known from before.

The server counts its requests to engines (`spark.status`), so a test can tell an answer that needed none.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import private_home
from tests.e2e.pipe import Pipe, until
from tests.e2e.test_typing import SAID, command, started
from tests.e2e.test_typing import typist as plain_typist
from tests.e2e.typist import Typist


@pytest.fixture(scope="module", params=["growing", "plain"])
def pipe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    folder = tmp_path_factory.mktemp(request.param)
    with private_home(folder) as home:
        pipe = started(folder, home, growing=request.param == "growing")
        yield pipe
        pipe.close()


NewTypist = Callable[..., Typist]


@pytest.fixture
def typist(pipe: Pipe) -> Iterator[NewTypist]:
    """Make a user with a file of their own, and this value of `completion.speculate`."""
    people: list[Typist] = []

    def make(speculate: str, speed: str = "fast") -> Typist:
        people.append(plain_typist(pipe, speed))
        values = {
            "engine": {"routes": {"completion": [speed]}},
            "completion": {"instant": False, "speculate": speculate},
        }
        pipe.send(method="workspace/didChangeConfiguration", params={"settings": {"spark": values}})
        return people[-1]

    yield make
    for person in people:  # otherwise the server may work for it during the next test
        pipe.send(method="textDocument/didClose", params={"textDocument": {"uri": person.uri}})


class Counts:
    """The changes of the server's counts since this was made."""

    def __init__(self, person: Typist) -> None:
        self._pipe = person.pipe
        self._before = self._read()

    def _read(self) -> dict[str, int]:
        return command(self._pipe, "spark.status")["suggestions"]

    def __getitem__(self, name: str) -> int:
        return self._read()[name] - self._before[name]


def show(person: Typist) -> None:
    """Request a suggestion, and wait until all of it is there."""
    person.ask()
    person.settle()
    while not SAID.endswith(person.shown) or not person.shown:  # a plain client gets the first lines first
        person.ask()
        person.settle()


@pytest.mark.parametrize("speculate", ["auto", "shown"])
def test_the_next_suggestion_needs_no_request_after_the_acceptance(typist: NewTypist, speculate: str) -> None:
    person = typist(speculate)
    counts = Counts(person)
    show(person)
    until(lambda: counts["ahead_output_tokens"])
    assert (counts["engine_requests"], counts["ahead_requests"]) == (2, 1)
    at_once = counts["at_once"]
    person.accept()
    person.ask()
    person.settle()
    assert person.shown
    assert SAID.startswith(person.shown)
    assert person.text.count(SAID) == 1
    assert (counts["ahead_used"], counts["at_once"]) == (1, at_once + 1)


def test_an_acceptance_requests_the_next_suggestion(typist: NewTypist) -> None:
    person = typist("accepted", "middling")
    counts = Counts(person)
    show(person)
    assert counts["ahead_requests"] == 0
    person.accept()
    until(lambda: counts["ahead_requests"] == 1)
    person.ask()
    person.settle()
    assert person.shown
    assert (counts["ahead_used"], counts["engine_requests"]) == (1, 2)


def test_without_speculation_the_editors_request_is_the_first(typist: NewTypist) -> None:
    person = typist("off")
    counts = Counts(person)
    show(person)
    person.accept()
    person.ask()
    person.settle()
    assert person.shown
    assert (counts["ahead_requests"], counts["engine_requests"]) == (0, 2)


def test_accepting_word_by_word_uses_the_same_answer_to_its_end(typist: NewTypist) -> None:
    person = typist("off")
    counts = Counts(person)
    show(person)
    while len(person.shown) > 1:
        person.type(person.shown[:3])
        person.ask()
        person.settle()
        if SAID in person.text:
            break
    assert counts["engine_requests"] == 1 + (SAID in person.text)
    assert counts["requests"] > len(SAID) // 3


def test_letters_after_the_acceptance_grow_from_the_next_suggestion(typist: NewTypist) -> None:
    person = typist("accepted", "middling")
    show(person)
    tokens = len(person.tokens)
    person.accept()
    person.ask()
    person.pump(lambda: person.shown)
    person.type(person.shown[:2])
    person.ask()
    person.settle()
    assert person.shown
    assert SAID.startswith("al" + person.shown)
    assert len(person.tokens) == tokens + 1


def test_a_contradiction_ends_it_and_going_back_needs_no_request(typist: NewTypist) -> None:
    person = typist("off")
    counts = Counts(person)
    show(person)
    shown = person.shown
    person.type("x")
    assert person.shown == ""
    person.splice(person.cursor - 1, person.cursor, "")
    person.ask()
    person.settle()
    assert person.shown == shown
    assert counts["engine_requests"] == 1


def test_a_visit_to_another_line_needs_no_request_on_the_way_back(typist: NewTypist) -> None:
    person = typist("off")
    counts = Counts(person)
    show(person)
    shown, cursor = person.shown, person.cursor
    for place in (0, cursor, 0, cursor):
        person.move(place)
        person.ask()
        person.settle()
    assert person.shown == shown
    assert counts["engine_requests"] == 2


def test_another_engine_is_asked_again(pipe: Pipe, typist: NewTypist) -> None:
    person = typist("off")
    show(person)
    person.type("x")
    command(pipe, "spark.selectEngine", {"engine": "instant"})
    until(lambda: command(pipe, "spark.status")["engine"] == "instant")
    try:
        counts = Counts(person)
        person.splice(person.cursor - 1, person.cursor, "")
        person.ask()
        person.settle()
        assert person.shown
        assert counts["engine_requests"] == 1
    finally:
        command(pipe, "spark.selectEngine", {"engine": None})


def test_a_request_ahead_does_not_change_the_status(pipe: Pipe, typist: NewTypist) -> None:
    person = typist("shown", "slow")
    show(person)
    counts = Counts(person)
    heard = len(pipe.heard)
    until(lambda: counts["ahead_output_tokens"])
    states: list[Any] = [
        each["params"]["state"] for each in pipe.heard[heard:] if each["method"] == "spark/status"
    ]
    assert "busy" not in states
