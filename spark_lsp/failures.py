"""How a program of ours tells the program that started it what went wrong: JSON lines on stdout.

    {"event": "failed", "code": "config_error", "message": "The file … is not valid TOML. …"}

A program that fails ends with `failed`; `problem` names a setting that it does not use. The same sentence
goes to stderr for people.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from spark_lsp.codes import Code, to_known_code

FAILED, PROBLEM = "failed", "problem"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: `event` is `FAILED` or `PROBLEM`, `message` a sentence for the user."""

    event: str
    code: Code
    message: str

    @property
    def line(self) -> str:
        """The failure as one line without its end."""
        return json.dumps({"event": self.event, "code": self.code, "message": self.message})


def read(line: str) -> Failure | None:
    """Return the failure that a line of a program's output tells; None for any other line."""
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    fields = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    event, message = fields.get("event"), fields.get("message")
    if event not in (FAILED, PROBLEM) or not isinstance(message, str):
        return None
    return Failure(event, to_known_code(fields.get("code"), Code.ERROR), message)


def read_all(text: str) -> Iterator[Failure]:
    """Give the failures in a program's output, in order."""
    yield from (failure for line in text.splitlines() if (failure := read(line)) is not None)
