"""Text without its secrets keeps its length, and follows every change as if looked through anew."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.privacy.redaction import RedactedDocument, redact_secrets
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

SECRET = 'password = "hunter2secret"'
PIECES = st.sampled_from([
    "x = 1", "\n", "\r\n", "\r", SECRET, "'AKIAIOSFODNN7EXAMPLE'", '"', "password", " = ", "ü😀", "    ",
    "\x0c", "\u2028", "def f():", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "*****",
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def document(text: str, version: int = 1) -> Document:
    return Document("file:///a.py", text, version, "python")


def test_a_text_without_secrets_is_the_document_itself() -> None:
    real = document("x = 1\n")
    assert RedactedDocument.from_document(real).document is real


def test_stars_take_the_place_of_a_secret() -> None:
    seen = RedactedDocument.from_document(document(f"a\n{SECRET}\nb\n"))
    assert seen.has_secrets
    assert seen.document.text == 'a\npassword = "*************"\nb\n'
    assert len(seen.document.text) == len(seen.real.text)


def test_a_secret_that_is_being_typed_is_hidden_at_once() -> None:
    real = document('password = "')
    seen = RedactedDocument.from_document(real)
    for version, letter in enumerate('hunter2"', 2):
        at = len(real)
        real = real.splice(at, at, letter, version)
        before = seen.document.text
        seen, edits = seen.follow_edits(real, [Edit(at, at, letter)])
        for edit in edits:
            before = before[: edit.start] + edit.new + before[edit.end :]
        assert before == seen.document.text
    assert seen.document.text == 'password = "*******"'


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), TEXTS), min_size=1, max_size=4))
def test_changes_lead_to_what_a_fresh_look_sees(text: str, changes: list[tuple[int, int, str]]) -> None:
    real = document(text)
    seen = RedactedDocument.from_document(real)
    mirror, edits, changed = seen.document.text, list[Edit](), real
    for first, last, new in changes:
        start, end = sorted((first % (len(changed) + 1), last % (len(changed) + 1)))
        changed = changed.splice(start, end, new, changed.version + 1)
        edits.append(Edit(start, end, new))
    seen, shown = seen.follow_edits(changed, edits)
    for edit in shown:
        mirror = mirror[: edit.start] + edit.new + mirror[edit.end :]
    assert mirror == seen.document.text == redact_secrets(changed.text, "python")
    assert len(mirror) == len(changed.text)


@pytest.mark.parametrize(
    ("edit", "harm"),
    [
        (Edit(0, 1, "b"), False),
        (Edit(14, 20, "x"), True),
        (Edit(0, 0, 'copy = "*************"\n'), True),
        (Edit(0, 0, "# *****\n"), False),
    ],
)
def test_edits_that_would_harm_a_secret(edit: Edit, *, harm: bool) -> None:
    assert RedactedDocument.from_document(document(f"a\n{SECRET}\n")).would_harm_secrets([edit]) is harm


def test_nothing_is_disturbed_where_nothing_is_hidden() -> None:
    seen = RedactedDocument.from_document(document("# **********\n"))
    assert not seen.would_harm_secrets([Edit(0, 3, "**********")])
    assert not seen.repeats_mask("**********")
