"""Positions in three encodings, against Python's own codecs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding, count_units, to_offset, to_position

CODECS = {Encoding.UTF8: ("utf-8", 1), Encoding.UTF16: ("utf-16-le", 2), Encoding.UTF32: ("utf-32-le", 4)}
encodings = st.sampled_from(list(Encoding))
texts = st.text(st.characters(codec=None), max_size=40)


@given(text=texts, encoding=encodings)
def test_units_are_what_the_codec_writes(text: str, encoding: Encoding) -> None:
    codec, size = CODECS[encoding]
    assert count_units(text, encoding) == len(text.encode(codec, "surrogatepass")) // size


@given(text=texts, encoding=encodings, data=st.data())
def test_every_offset_comes_back(text: str, encoding: Encoding, data: st.DataObject) -> None:
    document = Document("file:///a", text)
    offset = data.draw(st.integers(0, len(text)))
    line, character = to_position(document, offset, encoding)
    back = to_offset(document, line, character, encoding)
    assert back == min(offset, document.line_end(line))


@pytest.mark.parametrize(
    ("encoding", "character", "offset"),
    [
        (Encoding.UTF16, 1, 1),
        (Encoding.UTF16, 2, 1),  # inside the surrogate pair
        (Encoding.UTF16, 3, 2),
        (Encoding.UTF8, 2, 1),
        (Encoding.UTF8, 4, 1),  # inside the four bytes
        (Encoding.UTF8, 5, 2),
        (Encoding.UTF32, 2, 2),
        (Encoding.UTF16, 99, 3),
        (Encoding.UTF8, 99, 3),
        (Encoding.UTF32, 99, 3),
    ],
)
def test_never_inside_a_code_point_nor_past_the_line(encoding: Encoding, character: int, offset: int) -> None:
    document = Document("file:///a", "a😀b\nnext")
    assert to_offset(document, 0, character, encoding) == offset


def test_past_the_last_line_is_the_end() -> None:
    assert to_offset(Document("file:///a", "a\nb"), 9, 0, Encoding.UTF16) == 3


def test_inside_a_line_end_is_the_end_of_the_line() -> None:
    document = Document("file:///a", "ab\r\nc")
    assert to_position(document, 3, Encoding.UTF16) == (0, 2)
