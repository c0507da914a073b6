"""A recorded typing session: a user's actions in one file, with times, and the text that an engine plays.

A session is independent of the machine and of the server. An acceptance is recorded with its text: if the
editor shows something else at that moment, the user types that text instead. The final text is the same.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

SESSIONS = Path(__file__).parent / "sessions"

Kind = Literal["type", "accept", "delete", "move"]


@dataclass(frozen=True, slots=True)
class Step:
    """One action, `seconds` after the one before.

    `type`: `text` is inserted at the cursor by one key. `accept`: the user takes `text`, which is the
    suggestion or its beginning. `delete`: `number` characters before the cursor are removed. `move`: the
    cursor goes to the offset `number`.
    """

    seconds: float
    kind: Kind
    text: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A file when the session began, the cursor in it, the steps, and the text that a replay engine plays.

    A suggestion has at most `max_lines` lines.
    """

    name: str
    language: str
    text: str
    cursor: int
    engine_text: str
    max_lines: int
    steps: tuple[Step, ...] = field(default=())

    def save(self, folder: Path = SESSIONS) -> None:
        """Write the session."""
        steps = [[step.seconds, step.kind, step.text or step.number] for step in self.steps]
        content = {
            "language": self.language,
            "text": self.text,
            "cursor": self.cursor,
            "engine_text": self.engine_text,
            "max_lines": self.max_lines,
            "steps": steps,
        }
        text = json.dumps(content, indent=0, ensure_ascii=False)
        (folder / f"{self.name}.json").write_text(text + "\n", "utf-8")


def load_session(path: Path) -> Session:
    """Read a session."""
    content = json.loads(path.read_text("utf-8"))
    steps = [_read_step(*each) for each in content.pop("steps")]
    return Session(path.stem, steps=tuple(steps), **content)


def _read_step(seconds: float, kind: str, value: str | int) -> Step:
    text, number = (value, 0) if isinstance(value, str) else ("", value)
    return Step(seconds, cast(Kind, kind), text, number)
