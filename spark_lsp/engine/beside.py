"""How much context beside the document an engine should get with a completion. No I/O.

An engine that reads fast gets much of it, and keeps most in its cache from key to key. For a slow engine,
each token of it delays the answer once, and again whenever it changes.
"""

import math

MOST_TOKENS = 128_000
SLOW_TOKENS = 150  # for an engine that reads slowly
# A change of the context makes an engine read the document after it again. With a smaller budget than this,
# it reads too slowly for that, and should get only context that changes seldom.
FAST_TOKENS = 2_000
READING_S = 1.0  # that reading all of it may take, once
UNKNOWN_PACE_TOKENS = 4_096  # for an engine that has not been measured
UNKNOWN_CONTEXT_TOKENS = 4_096  # for a model with an unknown context length
_CONTEXT_SHARE = 4  # one part in four of the model's context


def _round_down(tokens: float) -> int:
    """Return a power of two, so that a budget does not change with each measurement."""
    return 1 << int(math.log2(max(tokens, 1.0)))


def choose_beside_tokens(context_tokens: int, tokens_per_s: float, unmeasured: int) -> int:
    """Return the budget of an engine, from its context length and reading pace; 0 means unknown.

    `unmeasured` is the budget of an engine whose pace is unknown.
    """
    by_pace = _round_down(tokens_per_s * READING_S) if tokens_per_s > 0 else unmeasured
    by_context = context_tokens // _CONTEXT_SHARE if context_tokens else UNKNOWN_CONTEXT_TOKENS
    return min(max(by_pace, SLOW_TOKENS), by_context, MOST_TOKENS)
