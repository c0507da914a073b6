"""The names that code near a cursor uses."""

import re

from spark_lsp.text.document import Document

LINES_BEFORE, LINES_AFTER = 30, 10
MAX_CHARS = 8_000  # on each side of the cursor
_CHAIN = re.compile(r"[^\W\d][\w$]*(?:\.[^\W\d][\w$]*)*|\$[\w$]*(?:\.[^\W\d][\w$]*)*")
_IMPORT_LINE = re.compile(
    r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import\b|import\b|export\b.*\bfrom\b).*$", re.MULTILINE
)


def names_near(document: Document, offset: int) -> frozenset[str]:
    """Return the names near `offset`, each with its beginnings: `a.b.c` gives `a`, `a.b` and `a.b.c`.

    Lines that import do not use a name.
    """
    line = document.line_at(offset)
    start = max(document.line_start(max(line - LINES_BEFORE, 0)), offset - MAX_CHARS)
    end = min(document.line_start(line + LINES_AFTER + 1), offset + MAX_CHARS)
    text = _IMPORT_LINE.sub("", document.text[start:end])
    found: set[str] = set()
    for chain in set(_CHAIN.findall(text)):
        found.add(chain)
        at = chain.find(".")
        while at > 0:
            found.add(chain[:at])
            at = chain.find(".", at + 1)
    return frozenset(found)
