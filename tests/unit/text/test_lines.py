"""Lines: their ends against `re.split`, and common beginnings against the definition."""

from hypothesis import assume, given
from hypothesis import strategies as st

from spark_lsp.text.lines import (
    LINE_END,
    common_prefix_length,
    find_line_end,
    find_line_start,
    indentation_of,
    nonblank_lines,
)

TEXT = st.text("ab \t\r\n", max_size=12)


@given(text=TEXT, data=st.data())
def test_a_line_lies_between_its_start_and_its_end(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    assume(text[max(offset - 1, 0) : offset + 1] != "\r\n")  # this offset is inside a line end
    line = text[find_line_start(text, offset) : find_line_end(text, offset)]
    assert line in LINE_END.split(text)


@given(text=TEXT)
def test_nonblank_lines_are_stripped_and_in_order(text: str) -> None:
    assert nonblank_lines(text) == [line.strip() for line in LINE_END.split(text) if line.strip()]


def test_indentation_is_the_white_space_before_the_text() -> None:
    assert indentation_of(" \t x y ") == " \t "
    assert indentation_of("x") == ""


@given(head=st.text(max_size=20), one=st.text("ab", max_size=5), other=st.text("ab", max_size=5))
def test_common_beginnings(head: str, one: str, other: str) -> None:
    one = head + one
    other = head + other
    length = common_prefix_length(one, other)
    assert one[:length] == other[:length]
    assert length == min(len(one), len(other)) or one[length] != other[length]
