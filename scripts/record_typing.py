"""Record the typing sessions for `measure_waiting.py` from source files of this project.

usage: .venv/bin/python -m scripts.record_typing

A simulated user types a part of a file. The engine plays the same file, but some of its lines differ
(`SHARE_RIGHT` of them are right). The user looks at each suggestion for a while, and accepts it if it is
right, or its next word or line, or types along it. Otherwise the user types. There are typing errors, pauses,
and visits to other lines. All choices come from a seed.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.typing_session import Session, Step
from spark_lsp.engine.continuation import find_continuation
from spark_lsp.prompts.ghost import GhostText

ROOT = Path(__file__).parent.parent
SHARE_RIGHT = 0.6
LINES = 30  # of a session
KEY_S = (0.09, 0.24)  # between two keys
LOOK_S = (0.4, 1.2)  # at a suggestion, before it is accepted
THINK_S = (0.8, 3.0)
_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")
_NAME = re.compile(r"[A-Za-z_]{4,}")


@dataclass(frozen=True, slots=True)
class Plan:
    """The typed part of a file: from the line that starts with `first`, at most `LINES` lines."""

    name: str
    path: str
    language: str
    first: str
    last: str
    max_lines: int


PLANS = (
    Plan("python-lines", "spark_lsp/text/lines.py", "python", "def common_prefix_length", "", 1),
    Plan(
        "python-breaker",
        "spark_lsp/engine/circuit_breaker.py",
        "python",
        "class CircuitBreaker",
        "class Ret",
        3,
    ),
    Plan("typescript-offer", "editors/vscode/src/offer.ts", "typescript", "export function", "", 1),
    Plan("typescript-find", "editors/vscode/src/find.ts", "typescript", "export", "", 3),
    Plan("rust-ring", "scripts/sessions/ring.rs", "rust", "impl<T> Ring<T>", "#[cfg(test)]", 1),
)


def main() -> None:
    """Write all sessions."""
    for seed, plan in enumerate(PLANS):
        session = Recorder(plan, random.Random(seed)).record()
        session.save()
        print(f"{session.name}: {len(session.steps)} steps, {sum(s.seconds for s in session.steps):.0f} s")


class Recorder:
    """The user of one session."""

    def __init__(self, plan: Plan, chance: random.Random) -> None:
        self._plan = plan
        self._chance = chance
        self.whole = (ROOT / plan.path).read_text("utf-8")
        starts = [
            match.start() for match in re.finditer(f"^{re.escape(plan.first)}", self.whole, re.MULTILINE)
        ]
        self._start = starts[0]
        end = self.whole.find(f"\n{plan.last}", self._start) if plan.last else len(self.whole.rstrip())
        lines = self.whole[self._start : end].split("\n")[:LINES]
        self._end = self._start + len("\n".join(lines))
        self._tail = self.whole[self._end :]
        self._engine_text = self._make_engine_text()
        self._steps: list[Step] = []
        self._typed = 0  # characters of the part

    def record(self) -> Session:
        """Return the session."""
        text = self.whole[: self._start] + self._tail
        while self._typed < self._end - self._start:
            self._steps += self._visit() if self._chance.random() < 0.03 else ()
            self._go_on()
        return Session(
            self._plan.name,
            self._plan.language,
            text,
            self._start,
            self._engine_text,
            self._plan.max_lines,
            tuple(self._steps),
        )

    def _make_engine_text(self) -> str:
        """Return the file with some wrong lines in the part."""
        part = self.whole[self._start : self._end].splitlines(keepends=True)
        lines = [line if self._chance.random() < SHARE_RIGHT else self._spoil(line) for line in part]
        return self.whole[: self._start] + "".join(lines) + self._tail

    def _spoil(self, line: str) -> str:
        """Return a line with another name, or another end."""
        names = list(_NAME.finditer(line))
        if not names:
            return line
        wrong = self._chance.choice(names)
        return f"{line[: wrong.start()]}{wrong[0][:2]}_other{line[wrong.end() :]}"

    @property
    def _before(self) -> str:
        return self.whole[: self._start + self._typed]

    @property
    def _rest(self) -> str:
        return self.whole[self._start + self._typed : self._end]

    def _find_suggestion(self) -> str:
        """Return the suggestion at the cursor, as the server makes it from the engine's text."""
        ghost = GhostText(
            self._before + self._tail, len(self._before), self._plan.language, max_lines=self._plan.max_lines
        )
        ghost.feed(find_continuation(self._engine_text, self._before))
        return ghost.finish() or ""

    def _go_on(self) -> None:
        """Accept the suggestion or a part of it, or type."""
        shown = self._find_suggestion()
        choice = self._chance.random()
        line = shown[: shown.find("\n", 1)] if "\n" in shown[1:] else shown
        word = match[0] if (match := _WORD.match(shown)) else shown
        units = [shown, shown, line, word] if choice < 0.7 else []
        for unit in units[self._chance.randrange(len(units)) :] if units else []:
            if unit and self._rest.startswith(unit):
                self._take(unit)
                return
        count = self._chance.randint(2, 9)
        if self._chance.random() < 0.06:
            self._mistype()
        self._type(count)

    def _take(self, unit: str) -> None:
        self._steps.append(Step(self._seconds(LOOK_S), "accept", unit))
        self._typed += len(unit)

    def _type(self, count: int) -> None:
        """Type some keys. The editor indents a new line."""
        for _ in range(count):
            if not self._rest:
                return
            match = re.match(r"\n+[ \t]*", self._rest)
            key = match[0] if match else self._rest[0]
            pause = THINK_S if match and self._chance.random() < 0.3 else KEY_S
            self._steps.append(Step(self._seconds(pause), "type", key))
            self._typed += len(key)

    def _mistype(self) -> None:
        """Type a wrong letter, and remove it."""
        self._steps.append(Step(self._seconds(KEY_S), "type", "q"))
        self._steps.append(Step(self._seconds(KEY_S), "delete", number=1))

    def _visit(self) -> Iterator[Step]:
        """Look at another line, and come back."""
        others = [match.end() for match in re.finditer(r"[^\n]+(?=\n)", self._before[:-1])]
        if others:
            yield Step(self._seconds(THINK_S), "move", number=self._chance.choice(others))
            yield Step(self._seconds(THINK_S), "move", number=len(self._before))

    def _seconds(self, limits: tuple[float, float]) -> float:
        return round(self._chance.uniform(*limits), 2)


if __name__ == "__main__":
    main()
