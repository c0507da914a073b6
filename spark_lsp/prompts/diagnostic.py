"""A diagnostic as the prompts use it: with offsets in place of positions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message of a compiler or linter about `[start, end)`."""

    start: int
    end: int
    message: str
    code: str = ""
    source: str = ""
