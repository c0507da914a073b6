"""Streams that cannot show every character."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.cli import output
from spark_lsp.cli.output import ERRORS, PLAIN, settle_streams
from spark_lsp.doctor.finding import MARKS


def printed(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding, write_through=True))
    settle_streams()
    sys.stdout.write(text)
    return raw.getvalue()


def test_our_own_marks_have_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed("✓ a → b …", "ascii", monkeypatch) == b"ok a -> b ..."
    assert printed("✓ a → b …", "utf-8", monkeypatch) == "✓ a → b …".encode()
    assert printed("✓ é …", "cp1252", monkeypatch) == b"ok \xe9 \x85"
    assert set("".join(MARKS.values())) - set("!") <= set(PLAIN)
    assert "".join(PLAIN.values()).isascii()


def test_a_closed_stream_takes_every_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    settle_streams()
    with sys.stdout:
        sys.stdout.write("é \udcff")


def test_a_name_that_is_not_utf_8_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed("a\udcff", "utf-8", monkeypatch) == b"a\\udcff"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=list(PLAIN))))
def test_json_stays_json_and_says_the_same(text: str) -> None:
    output.register()
    body = json.dumps(text, ensure_ascii=False).encode("ascii", ERRORS)
    assert json.loads(body) == text
