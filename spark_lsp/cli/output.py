"""Makes stdout and stderr accept every character.

A terminal or a pipe may accept only ASCII or cp1252, and file names need not be UTF-8. Plain characters then
replace our own marks. Other characters become escapes that JSON and most languages can read: `\\u00e9`.
"""

import codecs
import os
import sys
from typing import Any

ERRORS = "spark_lsp.plain"
PLAIN = {
    "✓": "ok", "✗": "x", "→": "->", "…": "...", "—": "-", "–": "-", "·": "-", "×": "x", "±": "+-", "µ": "u",
    "≤": "<=", "≥": ">=", "≈": "~", "•": "*", "“": '"', "”": '"', "‘": "'", "’": "'", "τ": "tau", "²": "^2",
    "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\N{MINUS SIGN}": "-", "│": "|", "─": "-",
}  # fmt: skip
"""Characters of our own texts, and their replacements for encodings that lack them."""


def settle_streams() -> None:
    """Make stdout and stderr accept every text; a closed stream accepts it and shows nothing."""
    register()
    sys.stdout = _is_settled(sys.stdout)
    sys.stderr = _is_settled(sys.stderr)


def register() -> None:
    """Register `ERRORS` as the handler for characters that an encoding lacks."""
    codecs.register_error(ERRORS, _encode_plainly)


def _is_settled(stream: Any) -> Any:
    if stream is None:  # it was closed before we began
        null = os.open(os.devnull, os.O_WRONLY)
        return open(null, "w", encoding="utf-8", errors=ERRORS, closefd=False)  # open until the process ends
    if hasattr(stream, "reconfigure"):  # one that a test put there may lack it
        stream.reconfigure(errors=ERRORS)
    return stream


def _encode_plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(each) or _escape(each) for each in wrong), error.end


def _escape(character: str) -> str:
    pair = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pair[at] << 8 | pair[at + 1]:04x}" for at in range(0, len(pair), 2))
