"""Replies of models to edits, with the wanted edit or refusal: `tests/cases/edits`."""

import json
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import actions, reply
from spark_lsp.prompts.actions import Diagnostic
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits

CASES = Path(__file__).parents[2] / "cases" / "edits"
FILES: dict[str, str] = json.loads((CASES / "files.json").read_text("utf-8"))


def read_cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / f"{name}.jsonl").read_text("utf-8").splitlines()]


RECORDED = read_cases("recorded")
BAD_INPUT = read_cases("bad_input")


def propose(case: dict[str, Any]) -> tuple[str, list[Edit]]:
    """Return the document's text, and the edits that the case's answer proposes."""
    text = case["text"] if "text" in case else FILES[case["file"]]
    document = Document("file:///w/a", text, language=case["language"])
    tree = SyntaxTree.of(document)
    found = tuple(Diagnostic(*each) for each in case.get("diagnostics", ()))
    action, words = case["action"], case["instruction"]
    target = actions.find_target(action, document, tree, case["start"], case["end"], found)
    form = EditFormat(case["format"])
    edits = reply.propose_edits(
        action, document, tree, *target, form, case["answer"], instruction=words, diagnostics=found
    )
    return text, edits


def test_there_are_enough_real_replies() -> None:
    assert len(RECORDED) >= 100
    assert len({case["id"] for case in RECORDED + BAD_INPUT}) == len(RECORDED) + len(BAD_INPUT)


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["id"])
def test_a_recorded_reply(case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(EditRefused) as caught:
            propose(case)
        assert caught.value.code == case["refused"]
        return
    _, edits = propose(case)
    assert [[edit.start, edit.end, edit.new] for edit in edits] == case["edits"]


@pytest.mark.parametrize("case", BAD_INPUT, ids=lambda case: case["id"])
def test_bad_input(case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(EditRefused) as caught:
            propose(case)
        assert caught.value.code == case["refused"]
        return
    assert apply_edits(*propose(case)) == case["after"]
