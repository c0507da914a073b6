"""What goes along with a request: every character of the document once, each part citing its version."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.request import PartKind, Priority, Request, Task
from spark_lsp.session import context
from spark_lsp.text.document import Document


def cited(request: Request, document: Document) -> str:
    """Return the text of the parts that cite the document, each checked against its span."""
    pieces: list[str] = []
    for part in request.parts:
        if part.span is None:
            continue
        assert (part.span.doc, part.span.version) == (document.uri, document.version)
        assert part.text == document.text[part.span.start : part.span.end]
        pieces.append(part.text)
    return "".join(pieces)


@given(st.text(max_size=30), st.integers(0, 30))
def test_a_completion_sends_what_is_before_and_after_the_cursor(text: str, offset: int) -> None:
    document = Document("file:///ü.py", text, 7, "python")
    offset = min(offset, len(text))
    request = context.build_completion(document, offset, max_lines=3)
    assert [part.kind for part in request.parts] == [PartKind.PREFIX, PartKind.SUFFIX]
    assert request.parts[0].text == text[:offset]
    assert cited(request, document) == text
    assert (request.task, request.language, request.max_lines) == (Task.COMPLETE, "python", 3)
    assert request.origin == document.uri


@given(st.text(max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_an_edit_sends_its_target_apart_and_the_diagnostics_as_text(text: str, one: int, other: int) -> None:
    document = Document("file:///a.py", text, 7, "python")
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    request = context.build_edit(document, (start, end), "fix", "do it", ["wrong", "worse"], "deep")
    kinds = [PartKind.PREFIX, PartKind.TARGET, PartKind.SUFFIX, PartKind.DIAGNOSTIC, PartKind.DIAGNOSTIC]
    assert [part.kind for part in request.parts] == kinds
    assert request.parts[1].text == text[start:end]
    assert [part.text for part in request.parts[3:]] == ["wrong", "worse"]
    assert cited(request, document) == text
    assert (request.task, request.action, request.instruction) == (Task.EDIT, "fix", "do it")
    assert request.effort == "deep"


@given(st.text("ab\n", max_size=20), st.integers(0, 20), st.integers(0, 3), st.text("ab\n", max_size=6))
def test_a_request_ahead_sends_only_the_text_that_the_mirror_does_not_have(
    text: str, at: int, beyond: int, inserted: str
) -> None:
    mirrored = Document("file:///a.py", text, 7, "python")
    at = min(at, len(text))
    accepted = mirrored.splice(at, min(at + beyond, len(text)), inserted)
    offset = at + len(inserted)
    request = context.build_ahead(mirrored, accepted, offset, max_lines=3, model="gpu")
    assert request.text_of(PartKind.PREFIX) == accepted.text[:offset]
    assert request.text_of(PartKind.SUFFIX) == accepted.text[offset:]
    cited(request, mirrored)
    sent = "".join(part.text for part in request.parts if part.span is None)
    assert len(sent) <= len(inserted)
    assert (request.priority, request.model, request.max_lines) == (Priority.BACKGROUND, "gpu", 3)
    if accepted.text == text:
        plain = context.build_completion(mirrored, offset, max_lines=3, model="gpu")
        assert request == replace(plain, priority=Priority.BACKGROUND)
