"""The grammar for the beginning of an answer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.grammar import make_grammar

_TOKEN = re.compile(r'"(?P<literal>(?:\\.|[^"\\])*)"|(?P<set>\[(?:\\.|[^\]\\])*\])|(?P<sign>[()|*])| ')
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def allows(grammar: str, text: str) -> bool:
    """Tell whether a grammar of one rule allows a text; its sets are those of regular expressions."""
    pattern = ""
    for token in _TOKEN.finditer(grammar, len("root ::= ")):
        if token["literal"] is not None:
            said = re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), token["literal"])
            pattern += re.escape(said)
        else:
            pattern += token["set"] or token["sign"] or ""
    return re.fullmatch(pattern, text) is not None


def test_it_quotes_where_it_must() -> None:
    assert make_grammar('"') == 'root ::= "\\"" [^\\x00]*'
    assert make_grammar("\\") == 'root ::= "\\\\" [^\\x00]*'
    assert make_grammar("") == ""
    assert make_grammar(" ", ("if ", 'x = "')) == 'root ::= " " ("if " | "x = \\"") [^\\x00]*'


@pytest.mark.parametrize(
    ("avoided", "text", "allowed"),
    [
        ("total", "    total = 1", False),
        ("total", "    totals = 1", False),
        ("total", "count = 1", True),
        ("total", "\n    to = 1", True),
        ("l[", "l[0] = 1", False),
        ("l[", "l = 1", True),
        ("else", "else:", False),
        ("else", "elif x:", True),
        ("print('a", "print('b')", True),
        ("print('a", "print('a')", False),
        ("^", "^x", False),
        ("-", "-x", False),
        ("]", "]", False),
        ("größe", "größe = 1", False),
        ("größe", "grün = 1", True),
    ],
)
def test_an_avoided_beginning(avoided: str, text: str, allowed: bool) -> None:
    assert allows(make_grammar("", avoided=avoided), text) is allowed


def test_it_begins_with_the_healed_fragment() -> None:
    grammar = make_grammar("    ", avoided="x")
    assert allows(grammar, "    y = 1")
    assert not allows(grammar, "    x = 1")
    assert not allows(grammar, "y = 1")


def test_a_known_start_is_enough() -> None:
    assert make_grammar("", ("if ",), avoided="if x") == make_grammar("", ("if ",))


CHARACTERS = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])


@given(
    avoided=st.text(CHARACTERS, min_size=1, max_size=6).filter(lambda text: not text[0].isspace()),
    text=st.text(CHARACTERS, min_size=1, max_size=9).filter(str.strip),
)
def test_whatever_is_avoided_never_begins_a_text(avoided: str, text: str) -> None:
    grammar = make_grammar("", avoided=avoided)
    assert not allows(grammar, avoided)
    bare = text.lstrip(" \t\r\n")
    if not (bare.startswith(avoided) or avoided.startswith(bare)):
        assert allows(grammar, text)
