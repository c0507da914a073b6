"""The conversation of an edit that continues an earlier one: the instructions and the model's answers."""

from collections.abc import Sequence

from spark_lsp.prompts import fences
from spark_lsp.request import Message

MAX_CHARACTERS = 12_000  # of the earlier turns, about 4,000 tokens; the target itself comes in addition


def make_turns(language: str, instruction: str, old: str, new: str) -> tuple[Message, Message]:
    """Return an edit as a question and its answer; the texts contain no secrets."""
    question = f"{instruction.rstrip('.')}.\n\n{fences.wrap_in_fence(language, old)}"
    return Message("user", question), Message("assistant", fences.wrap_in_fence(language, new))


def limit_turns(turns: Sequence[Message]) -> tuple[Message, ...]:
    """Return the newest pairs of turns within `MAX_CHARACTERS`."""
    kept: list[Message] = []
    size = 0
    for index in range(len(turns) - 2, -1, -2):
        pair = turns[index : index + 2]
        size += sum(len(turn.text) for turn in pair)
        if size > MAX_CHARACTERS:
            break
        kept[:0] = pair
    return tuple(kept)


def join_instructions(*instructions: str) -> str:
    """Return instructions that all apply as one, each a line."""
    return "\n".join(each.strip() for each in instructions if each.strip())
