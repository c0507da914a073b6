"""Every case of `tests/cases`: what stands in the document when the user accepts the suggestion."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.prompts.ghost import GhostText

FOLDER = Path(__file__).parent.parent.parent / "cases"
CASES = [
    json.loads(line)
    for file in sorted(FOLDER.glob("*.jsonl"))
    for line in file.read_text("utf-8").split("\n")
    if line
]
TOKEN = re.compile(r"\s*\w{1,5}|\s+|[^\w\s]{1,3}")


def split(reply: str, size: str) -> list[str]:
    if size == "whole":
        return [reply]
    return list(reply) if size == "characters" else TOKEN.findall(reply)


@pytest.mark.parametrize("size", ["whole", "characters", "tokens"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_accepted_text_is_right(case: dict[str, Any], size: str) -> None:
    text, offset = case["before"] + case["after"], len(case["before"])
    pieces = split(case["reply"], size)
    assert "".join(pieces) == case["reply"]
    ghost = GhostText(text, offset, case["language"])
    shown = [""]
    for piece in pieces:
        is_complete = ghost.feed(piece)
        assert offset <= ghost.end <= len(text)
        shown.append(ghost.text)
        if is_complete:
            break
    inserted = ghost.finish() or ""
    shown.append(inserted)
    end = ghost.end if inserted else offset
    assert "\n" not in text[offset:end]
    assert text[:offset] + inserted + text[end:] in case["right"]
    assert all(new.startswith(old) or old.startswith(new) for old, new in pairwise(shown)), shown


def test_there_are_cases_of_many_languages() -> None:
    assert len(CASES) >= 200
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert len({case["language"] for case in CASES}) >= 20
