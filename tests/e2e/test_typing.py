"""Typing sessions: what a person does key by key, and what they would see, exact to the byte.

The engine says the same text wherever it is asked, so what ought to be on screen is known without asking
the code under test: the text, less what of it was typed since the answer was begun. Some of what it says
is cut by nothing, wherever it is said. The typist (see `typist.py`) checks every single message.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import private_home
from tests.e2e.pipe import Pipe, until
from tests.e2e.typist import CANCELLED, CONTENT_MODIFIED, Typist

SAID = "alpha beta\n    gamma(delta)\n    épsilon 😀 zeta"
FILE = "# a file\n\ndef first():\n\n\ndef second():\n    pass\n"
SPEEDS = {"instant": 0, "fast": 1_000, "middling": 150, "slow": 40}  # tokens a second
ENGINE = '[engines.{}]\nkind = "replay"\ntext = "said.txt"\ntokens_per_s = {}\ndelay_ms = {}\n'
CONFIG = "".join(ENGINE.format(name, pace, 10 * bool(pace)) for name, pace in SPEEDS.items())
numbers = itertools.count(1)


def started(folder: Any, home: dict[str, str], *, growing: bool) -> Pipe:
    """A server with engines of all speeds."""
    place = folder / "config" / "spark-lsp"
    (place / "said.txt").write_text(SAID)
    (place / "config.toml").write_text(CONFIG)
    pipe = Pipe(home, folder / "server.log")
    pipe.initialize(initializationOptions={"spark": {"client": {"growing": growing}}})
    return pipe


@pytest.fixture(scope="module")
def growing_pipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    folder = tmp_path_factory.mktemp("growing")
    with private_home(folder) as home:
        pipe = started(folder, home, growing=True)
        yield pipe
        pipe.close()


@pytest.fixture(scope="module")
def plain_pipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    folder = tmp_path_factory.mktemp("plain")
    with private_home(folder) as home:
        pipe = started(folder, home, growing=False)
        yield pipe
        pipe.close()


def typist(
    pipe: Pipe, speed: str = "fast", text: str = FILE, at: int = 22, *, instant: bool = False
) -> Typist:
    """A user with a file of their own, an engine of that speed, and drafts only if `instant`."""
    values = {"engine": {"routes": {"completion": [speed]}}, "completion": {"instant": instant}}
    pipe.send(method="workspace/didChangeConfiguration", params={"settings": {"spark": values}})
    until(lambda: command(pipe, "spark.status")["engine"] == speed)
    growing = "growing" in str(pipe.log)
    return Typist(pipe, f"file:///typing/{next(numbers)}.py", text, at, growing)


def command(pipe: Pipe, name: str, *arguments: Any) -> Any:
    """The result of a command, or the code of its error; what else is said meanwhile is nobody's."""
    identity = f"command {next(numbers)}"
    params = {"command": name, "arguments": arguments}
    pipe.send(id=identity, method="workspace/executeCommand", params=params)
    while (answer := pipe.answer())["id"] != identity:
        pass
    return answer["result"] if "result" in answer else answer["error"]["code"]


# Written sessions.


@pytest.mark.parametrize("speed", SPEEDS)
def test_what_is_shown_grows_to_the_whole(growing_pipe: Pipe, speed: str) -> None:
    person = typist(growing_pipe, speed)
    person.ask()
    person.settle()
    assert person.shown == SAID
    if speed == "slow":
        assert len(person.screen) > 5


@pytest.mark.parametrize("speed", SPEEDS)
def test_typing_along_key_by_key_asks_nobody_again(growing_pipe: Pipe, speed: str) -> None:
    person = typist(growing_pipe, speed)
    person.ask()
    person.pump(lambda: person.shown)
    for count, letter in enumerate(SAID[:-1], 1):
        person.pump(lambda: person.shown)
        person.type(letter)
        person.ask()
        assert person.screen[-1] == "" or SAID[count:].startswith(person.screen[-1])
    person.settle()
    assert person.shown == SAID[-1], (person.screen, person.tokens, person.answered)
    assert len(person.tokens) == 1


def test_a_plain_client_gets_whole_lines_and_more_of_them_as_it_types(plain_pipe: Pipe) -> None:
    person = typist(plain_pipe, "slow")
    person.ask()
    person.settle()
    assert SAID.startswith(person.shown)
    while SAID not in person.text:
        assert person.shown + "\n" in SAID + "\n"
        person.type(person.shown[0])
        person.ask()
        person.settle()
    assert person.text == FILE[:22] + SAID + FILE[22:]
    assert len(person.tokens) == 2  # the second when nothing of the first was left


def test_a_bracket_that_the_editor_closes_is_typed_along_too(growing_pipe: Pipe) -> None:
    person = typist(growing_pipe, "instant")
    person.ask()
    person.settle()
    person.type(SAID[: SAID.index("(")])
    person.splice(person.cursor, person.cursor, "()")
    person.move(person.cursor - 1)
    person.ask()
    person.settle()
    assert person.shown == SAID[SAID.index("(") + 1 :]
    person.accept()
    assert person.text == FILE[:22] + SAID + FILE[22:]
    assert len(person.tokens) == 1


@pytest.mark.parametrize("speed", SPEEDS)
def test_who_types_something_else_sees_it_go_and_gets_what_fits(growing_pipe: Pipe, speed: str) -> None:
    person = typist(growing_pipe, speed)
    person.ask()
    person.pump(lambda: person.shown)
    person.type("x")
    assert person.shown == ""
    person.ask()
    person.settle()
    assert person.shown == SAID
    assert len(person.tokens) == 2


def test_deleting_undoing_and_pasting(growing_pipe: Pipe) -> None:
    person = typist(growing_pipe)
    person.ask()
    person.settle()
    person.type("al")
    before = person.text
    person.splice(person.cursor - 1, person.cursor, "")  # less of it was typed: the rest comes back
    person.ask()
    person.settle()
    assert (person.shown, len(person.tokens)) == (SAID[1:], 1)
    person.type("l")  # redo
    assert (person.text, person.shown) == (before, SAID[2:])
    person.splice(person.cursor - 3, person.cursor, "")  # more than was typed
    assert person.shown == ""
    person.ask()
    person.settle()
    assert (person.shown, len(person.tokens)) == (SAID, 2)
    person.type(SAID[:16])  # pasted, and the beginning of it
    person.ask()
    person.settle()
    assert (person.shown, len(person.tokens)) == (SAID[16:], 2)
    person.type("\n\nanother\n")  # pasted, and something else
    person.ask()
    person.settle()
    assert (person.shown, len(person.tokens)) == (SAID, 3)


def test_a_newer_request_ends_the_older_and_has_its_answer(growing_pipe: Pipe) -> None:
    person = typist(growing_pipe, "slow")
    asked = [person.ask() for _ in range(5)]
    person.settle()
    assert [person.answered[each]["error"]["code"] for each in asked[:4]] == [CONTENT_MODIFIED] * 4
    assert person.answered[asked[4]]["result"]["items"]
    assert len(person.tokens) == 1


def test_a_cancelled_request_ends_alone_and_its_answer_goes_on(growing_pipe: Pipe) -> None:
    person = typist(growing_pipe, "slow")
    first = person.ask()
    person.pump(lambda: person.shown)
    person.cancel(first)
    second = person.ask()
    person.settle()
    assert person.answered[first].get("error", {"code": CANCELLED})["code"] == CANCELLED
    assert person.answered[second]["result"]["items"]
    assert (person.shown, len(person.tokens)) == (SAID, 1)


def test_what_nobody_came_back_for_is_taken_back(growing_pipe: Pipe) -> None:
    for _ in range(5):  # a tenth of a second after the first letters it is answered
        person = typist(growing_pipe, "slow")
        asked = person.ask()
        person.pump(lambda person=person: person.shown)
        person.cancel(asked)
        person.settle()
        if "error" in person.answered[asked]:
            break
    assert person.answered[asked]["error"]["code"] == CANCELLED
    assert person.shown == ""
    assert person.screen[-2] != SAID


def test_an_answer_with_half_a_line_does_not_keep_a_growing_client(growing_pipe: Pipe) -> None:
    person = typist(growing_pipe, "slow")  # its first line takes 50 ms, the others twice as long
    asked = person.ask()
    person.pump(lambda: not person.waiting)
    (item,) = person.answered[asked]["result"]["items"]
    assert SAID.startswith(item["insertText"])
    assert item["insertText"] != SAID
    assert person.open_tokens
    person.settle()
    assert person.shown == SAID


COPIED = """\
    with path.open("r", encoding="utf-8") as stream:
        return parse_config(stream.read(), strict=strict)
"""
HEAD = "def load(path: Path, strict: bool) -> Config:\n"
TWICE = f"{HEAD}{COPIED}\n\n{HEAD}    "


@pytest.mark.parametrize("growing", [True, False])
def test_a_copied_line_is_there_before_the_engine_answers_and_stays(
    growing_pipe: Pipe, plain_pipe: Pipe, growing: bool
) -> None:
    pipe = growing_pipe if growing else plain_pipe
    person = typist(pipe, "slow", TWICE, len(TWICE), instant=True)
    person.ask()
    person.pump(lambda: person.shown)
    line = COPIED.strip().splitlines()[0]
    assert person.shown == line
    person.type("with path")
    person.ask()
    person.settle()
    assert [text for text in person.screen if text] == [line, line.removeprefix("with path")]


def test_what_is_accepted_stays_and_is_counted_once(growing_pipe: Pipe) -> None:
    person = typist(growing_pipe)
    before = command(growing_pipe, "spark.status")["accepted"]
    person.ask()
    person.settle()
    whole = person.text[: person.cursor] + SAID + person.text[person.cursor :]
    person.accept()
    assert (person.text, person.shown) == (whole, "")
    for _ in range(2):
        answer = command(growing_pipe, "spark.accept", {"token": person.tokens[0]})
        assert answer == {"accepted": before + 1}
    assert command(growing_pipe, "spark.status")["accepted"] == before + 1


@pytest.mark.parametrize("argument", [{}, {"token": "1"}, {"token": True}, {"token": None}, 7])
def test_an_acceptance_without_a_token_is_refused(growing_pipe: Pipe, argument: Any) -> None:
    assert command(growing_pipe, "spark.accept", argument) == -32602


# Sessions as chance has them; always the same ones.

STEPS = st.one_of(
    st.tuples(st.just("along"), st.integers(1, 12)),
    st.tuples(st.just("key"), st.sampled_from(["x", "a", "é", "😀", "(", "\n", " "])),
    st.tuples(st.just("delete"), st.integers(1, 4)),
    st.tuples(st.just("undo"), st.integers(1, 3)),
    st.tuples(st.just("paste"), st.sampled_from(["alpha", "alpha beta\n", "one\ntwo\n", "😀😀"])),
    st.tuples(st.just("line"), st.integers(0, 6)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("glance"), st.just(0)),
)


class Session:
    """A typist who does what chance says, and knows what ought to be there when all is quiet."""

    def __init__(self, person: Typist) -> None:
        self.person = person
        self.undo: list[tuple[str, int]] = []

    def step(self, kind: str, value: Any) -> None:
        """Do something; an editor asks after every key."""
        getattr(self, f"_{kind}")(value)
        if kind not in ("pause", "glance"):
            self.person.ask()

    def _insert(self, text: str) -> None:
        self.undo.append((self.person.text, self.person.cursor))
        self.person.type(text)

    def _along(self, count: int) -> None:
        self._insert(self.person.shown[:count] or "a")

    def _key(self, key: str) -> None:
        self._insert(key)

    def _paste(self, text: str) -> None:
        self._insert(text)

    def _delete(self, count: int) -> None:
        person = self.person
        start = max(0, person.cursor - count)
        self.undo.append((person.text, person.cursor))
        person.splice(start, person.cursor, "")

    def _undo(self, count: int) -> None:
        for text, cursor in [self.undo.pop() for _ in range(min(count, len(self.undo)))]:
            self.person.splice(0, len(self.person.text), text)
            self.person.move(cursor)

    def _line(self, number: int) -> None:
        text = self.person.text
        ends = [at for at, letter in enumerate(text) if letter == "\n"]
        self.person.move(ends[number % len(ends)] if ends else len(text))

    def _glance(self, _: object) -> None:
        if self.person.waiting:
            self.person.pump(lambda: self.person.shown or not self.person.waiting)

    def _pause(self, _: object) -> None:
        """Wait until all is quiet: then the rest of what the engine says is there."""
        person = self.person
        person.ask()
        person.settle()
        assert person.offer is not None
        place = person.offer.version, person.offer.start
        typed = person.typed_since(*place)
        assert typed is not None, "what is shown belongs elsewhere"
        if is_cut(person.versions[place[0]], place[1]):
            return
        if person.growing:
            known = SAID[: -len(person.shown)]  # what was typed of it, here or before it was told of again
            assert person.shown
            assert known + person.shown == SAID
            assert person.text[: person.cursor].endswith(known)
        else:
            assert person.shown
            assert any(self._goes_on_with_lines(at) for at in range(len(SAID)))

    def _goes_on_with_lines(self, at: int) -> bool:
        """Whether what is shown are the whole lines behind `at`, and what is before that was typed."""
        person = self.person
        typed = person.text[: person.cursor].endswith(SAID[:at])
        return typed and f"{SAID[at:]}\n".startswith(f"{person.shown}\n")


def is_cut(text: str, at: int) -> bool:
    """Whether what the engine says may be cut here: its lines stand here already, or are less indented.

    So is the head of a block whose body stands below.
    """
    line = text[text.rfind("\n", 0, at) + 1 : at]
    below = text[at:].split("\n")[1:2]
    said = {each.strip() for each in SAID.split("\n")}
    if below and len(below[0]) - len(below[0].lstrip()) > len(line) - len(line.lstrip()):
        return True
    return line.startswith("     ") or bool(said & {each.strip() for each in text.split("\n")})


CHANCE = settings(
    max_examples=45,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@CHANCE
@given(speed=st.sampled_from(["instant", "fast", "middling"]), steps=st.lists(STEPS, min_size=6, max_size=25))
def test_any_session_with_a_growing_client(growing_pipe: Pipe, speed: str, steps: list[Any]) -> None:
    play(typist(growing_pipe, speed), steps)


@CHANCE
@given(speed=st.sampled_from(["instant", "fast", "middling"]), steps=st.lists(STEPS, min_size=6, max_size=25))
def test_any_session_with_a_plain_client(plain_pipe: Pipe, speed: str, steps: list[Any]) -> None:
    play(typist(plain_pipe, speed), steps)


def play(person: Typist, steps: list[Any]) -> None:
    """Play a session to its end."""
    session = Session(person)
    for kind, value in steps:
        session.step(kind, value)
    session.step("pause", 0)
    assert set(person.answered) == set(person.asked)
