"""The form in which texts are compared: lines without the white space around them, and their tokens.

A line that must never be copied becomes a *barrier*, which matches nothing: a very long line (minified code,
data), and a line in which a secret was replaced by asterisks.
"""

import re

BARRIER = "\x00"
MAX_LINE_CHARS = 400  # longer lines are minified code or data
TOKEN = re.compile(r"\w+|[^\w\s]|\n")  # identifiers and numbers, single punctuation, line ends
_WORD = re.compile(r"\w+")
_NEVER_COPIED = re.compile(r"\*{4,}|\x00")  # a redacted secret, or a character of no text file
_SIGNATURE_BITS = [1 << bit for bit in range(1024)]


def normalize_line(line: str) -> str:
    """Return a line without the white space around it, or `BARRIER` if it must not be copied."""
    if len(line) > MAX_LINE_CHARS or _NEVER_COPIED.search(line):
        return BARRIER
    return line.strip()


def make_signature(text: str) -> int:
    """Return a set of bits, one for each word of a text: a Bloom filter for `contains_all`.

    The bits depend on the process, because `hash` of a string does. They only save comparisons: no result
    depends on them.
    """
    signature = 0
    for word in set(_WORD.findall(text)):
        signature |= _SIGNATURE_BITS[hash(word) & 1023]
    return signature


def list_words(text: str) -> list[str]:
    """Return the words of a text: its identifiers, keywords and numbers."""
    return _WORD.findall(text)
