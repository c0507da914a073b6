"""Reads the words of our requests as a model should: the document, then its changes, exactly."""

import re
from typing import Any

HEAD = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
OPEN, CLOSE = "<changes>\n", "</changes>\n"
QUOTED = 4


def apply(text: str, rendered: str) -> str:
    """Apply diffs without context lines one after another."""
    lines = rendered.split("\n")
    assert lines.pop() == ""
    while lines:
        head = HEAD.fullmatch(lines.pop(0))
        assert head, rendered
        first, removed, added = int(head[1]), int(head[2] or 1), int(head[4] or 1)
        for _ in range(min(removed, QUOTED) + (removed > QUOTED)):
            assert lines.pop(0).startswith("-")
        new = ""
        for _ in range(added):
            line = lines.pop(0)
            assert line.startswith("+")
            new += line[1:] + "\n"
            if lines and lines[0].startswith("\\"):
                lines.pop(0)
                new = new[:-1]
        old = text.split("\n")
        old = [f"{line}\n" for line in old[:-1]] + ([old[-1]] if old[-1] else [])
        start = first - 1 if removed else first
        assert start + removed <= len(old)
        text = "".join([*old[:start], new, *old[start + removed :]])
    return text


def split_changes(content: str) -> tuple[str, str]:
    """Return the diffs at the beginning of a text, and the rest."""
    if not content.startswith(OPEN):
        return "", content
    rendered, close, rest = content.removeprefix(OPEN).partition(f"\n{CLOSE}")
    assert close
    return f"{rendered}\n", rest


def document_of(contents: list[str]) -> str | None:
    """Return the document after all changes; None if no message has one."""
    text: str | None = None
    for content in contents:
        found = re.fullmatch(r'<document language="[^"]*">\n(.*)\n</document>', content, re.DOTALL)
        if found:
            text = found[1]
        rendered, _ = split_changes(content)
        if rendered:
            assert text is not None
            text = apply(text, rendered)
    return text


def contents_of(given: Any) -> list[str]:
    """Return the texts of an `input`."""
    if isinstance(given, str):
        return [given]
    return [item["content"] for item in given]
