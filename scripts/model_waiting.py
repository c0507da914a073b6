"""Model the recorded typing sessions: how many requests are answered without waiting for an engine?

usage: .venv/bin/python -m scripts.model_waiting [--delay MS] [SESSION…]

`measure_waiting` plays the sessions to a real server, in real time. This plays them to the life cycle of
suggestions alone, with a clock of its own: in seconds, and with the same result on each machine. The client
requests ghost text after each key and move. The columns are those of `measure_waiting`.
"""

import argparse
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from scripts.measure_waiting import POLICIES, Outcome, add_up, report
from scripts.typing_session import SESSIONS, Session, Step, load_session
from spark_lsp.engine.continuation import find_continuation
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.session.effects import (
    AdoptStream,
    Answer,
    AnswerReplaced,
    AnswerText,
    AskAgain,
    Effect,
    StartAhead,
    StartStream,
    StopStream,
)
from spark_lsp.session.life_cycle import LifeCycle
from spark_lsp.session.speculation import Policy, choose_trigger
from spark_lsp.session.stream_source import StreamSource
from spark_lsp.session.suggestion_stream import CursorRequest, SuggestionStream
from spark_lsp.text.document import Document

if TYPE_CHECKING:
    from spark_lsp.session.suggestions import Suggestion

COUNTS = ("requests", "replaced", "at_once", "engine_requests", "ahead_requests", "ahead_used")
TOKEN_CHARACTERS = 4
TOKENS_PER_S = 100


class Model:
    """The user, the client, the life cycle and the engine of one session."""

    def __init__(self, session: Session, policy: str, delay_s: float) -> None:
        self._session = session
        self._delay_s = delay_s
        self.document = Document("file:///session", session.text, 1, session.language)
        self._cursor = session.cursor
        self._life = LifeCycle(itertools.count(1))
        self._life.speculation.set_policy(Policy(choose_trigger(policy, is_free=True)))
        self._now = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, SuggestionStream, Callable[[], list[Effect]]]] = []
        self._offer: Suggestion | None = None
        self._answered: set[CursorRequest] = set()
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self.accepted = 0
        self.missed = 0

    def play(self, steps: Sequence[Step]) -> Outcome:
        """Play the steps; return the counts."""
        for step in steps:
            self._wait(step.seconds)
            self._do(step)
            self._request()
        self._wait(10.0)
        return Outcome(self._session.name, "", self.counts, self.accepted, self.missed)

    def _do(self, step: Step) -> None:
        if step.kind == "move":
            self._cursor = step.number
        elif step.kind == "delete":
            self._change(self._cursor - step.number, self._cursor, "")
        elif step.kind == "type":
            self._change(self._cursor, self._cursor, step.text)
        else:
            self._accept(step.text)

    def _accept(self, text: str) -> None:
        offer = self._offer.move_to(self.document, self._cursor) if self._offer is not None else None
        if offer is not None and offer.text.startswith(text):
            self.accepted += 1
            self._change(self._cursor, offer.end if offer.text == text else self._cursor, text)
            return
        self.missed += 1
        for letter in text[:-1]:
            self._change(self._cursor, self._cursor, letter)
            self._request()
        self._change(self._cursor, self._cursor, text[-1:])

    def _change(self, start: int, end: int, new: str) -> None:
        self.document = self.document.splice(start, end, new, self.document.version + 1)
        self._cursor = start + len(new)
        self._perform(self._life.change_document(self.document, self._now))

    def _request(self) -> None:
        request = CursorRequest("inlineCompletion", self.document, self._cursor)
        self.counts["requests"] += 1
        self._perform(self._life.add_request(request, self._now))
        self.counts["at_once"] += request in self._answered

    def _wait(self, seconds: float) -> None:
        """Let time pass: the engine answers, and timers end."""
        until = self._now + seconds
        while True:
            timer = self._life.next_due
            arrival = self._events[0][0] if self._events else None
            due = min((time for time in (timer, arrival) if time is not None), default=None)
            if due is None or due > until:
                break
            self._now = max(self._now, due)
            if arrival is not None and arrival <= self._now:
                self._perform(heapq.heappop(self._events)[3]())
            else:
                self._perform(self._life.process_timer(self._now))
        self._now = until

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, StartStream | StartAhead):
                self._start(effect.stream)
            elif isinstance(effect, AskAgain):
                self._send(effect.stream)
            elif isinstance(effect, StopStream):
                self._events = [event for event in self._events if event[2] is not effect.stream]
                heapq.heapify(self._events)
            elif isinstance(effect, AdoptStream):
                self.counts["ahead_used"] += effect.stream.source is not None
            elif isinstance(effect, Answer):
                self._answered.add(effect.request)
                self.counts["replaced"] += isinstance(effect, AnswerReplaced)
                if isinstance(effect, AnswerText):
                    self._offer = effect.suggestion

    def _start(self, stream: SuggestionStream) -> None:
        made = stream.suggestion
        document, limit = made.document, self._session.max_lines
        make_ghost = partial(GhostText, document.text, made.anchor, document.language, max_lines=limit)
        self.counts["ahead_requests"] += stream.is_ahead
        source = StreamSource(make_ghost(), RedactedDocument(document, document), False)
        self._perform(self._life.begin(stream, source))
        self._send(stream)

    def _send(self, stream: SuggestionStream) -> None:
        """Let the engine answer: the first token after the delay, then each line when it is complete."""
        self.counts["engine_requests"] += 1
        made = stream.suggestion
        text = find_continuation(self._session.engine_text, made.document.text[: made.anchor])
        pieces = [text[:TOKEN_CHARACTERS], *text[TOKEN_CHARACTERS:].splitlines(keepends=True)[:6]]
        at, sent = self._now + self._delay_s, 0
        for piece in filter(None, pieces):
            sent += len(piece)
            due = at + (sent // TOKEN_CHARACTERS - 1) / TOKENS_PER_S
            self._schedule(due, stream, partial(self._add_text, stream, piece))
        self._schedule(at + sent / TOKEN_CHARACTERS / TOKENS_PER_S, stream, partial(self._finish, stream))

    def _schedule(self, at: float, stream: SuggestionStream, event: Callable[[], list[Effect]]) -> None:
        heapq.heappush(self._events, (at, next(self._order), stream, event))

    def _add_text(self, stream: SuggestionStream, text: str) -> list[Effect]:
        return self._life.add_text(stream, text, self._now)

    def _finish(self, stream: SuggestionStream) -> list[Effect]:
        return self._life.finish(stream, self._now)


def model(session: Session, policy: str, delay_s: float = 0.3) -> Outcome:
    """Return the outcome of a session."""
    return replace(Model(session, policy, delay_s).play(session.steps), policy=policy)


def main() -> None:
    """Read the arguments, and report."""
    parser = argparse.ArgumentParser(description="How many requests are answered without waiting?")
    parser.add_argument("sessions", nargs="*", metavar="SESSION")
    parser.add_argument("--delay", type=int, default=300, metavar="MS")
    arguments = parser.parse_args()
    paths = [SESSIONS / f"{name}.json" for name in arguments.sessions] or sorted(SESSIONS.glob("*.json"))
    sessions = [load_session(path) for path in paths]
    outcomes = [model(each, policy, arguments.delay / 1000) for each in sessions for policy in POLICIES]
    report(outcomes)
    report([add_up(outcomes, policy) for policy in POLICIES])


if __name__ == "__main__":
    main()
