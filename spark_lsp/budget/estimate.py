"""Estimates of tokens: of a request before it is sent, and of an answer whose engine reports none.

A token is taken to have three characters. Code has three to four of them, so an estimate is rather too high
than too low. The text around the cursor counts only as far as the engine sends it. Reasoning that an engine
does not report is not in any estimate.
"""

import math
from dataclasses import replace

from spark_lsp.answer_events import Usage
from spark_lsp.request import AROUND, BESIDE, PartKind, Request, Task

CHARS_PER_TOKEN = 3
COMPLETION_TOKENS = 256  # of a completion without a bound
CHAT_TOKENS = 1_024
EDIT_SPARE_TOKENS = 256  # in addition to the target, which an edit repeats
QUESTION_TOKENS = 300  # instructions and the tokens between the parts


def estimate_tokens(characters: int) -> int:
    """Return the tokens of a text of that length."""
    return math.ceil(characters / CHARS_PER_TOKEN)


def estimate_request(request: Request, around_chars: int = 0, context_tokens: int = 0) -> Usage:
    """Return the tokens that a request may need.

    `around_chars` is the longest text around the cursor that the engine sends, `context_tokens` the most that
    its model reads; 0: unknown.
    """
    around = sum(len(part.text) for part in request.parts if part.kind in AROUND)
    beside = sum(len(part.text) for part in request.parts if part.kind in BESIDE)
    fixed = request.characters() - around - beside
    if around_chars:
        around, beside = min(around, around_chars), min(beside, around_chars)
    tokens = estimate_tokens(fixed + around + beside) + QUESTION_TOKENS
    return Usage(min(tokens, context_tokens) if context_tokens else tokens, _answer_tokens(request))


def _answer_tokens(request: Request) -> int:
    if request.warm:
        return 0
    if request.max_tokens:
        return request.max_tokens
    if request.task is Task.EDIT:
        return estimate_tokens(len(request.text_of(PartKind.TARGET))) + EDIT_SPARE_TOKENS
    return COMPLETION_TOKENS if request.task is Task.COMPLETE else CHAT_TOKENS


def complete_usage(reported: Usage, estimate: Usage, characters: int) -> tuple[Usage, bool]:
    """Return what an answer used, and whether a part of it is estimated.

    `characters` is the length of the text that came. An engine that reports no input, or no output for a
    text, has not counted.
    """
    used = reported
    if not used.input_tokens:
        used = replace(used, input_tokens=estimate.input_tokens)
    if not used.output_tokens and characters:
        used = replace(used, output_tokens=estimate_tokens(characters))
    return used, used != reported
