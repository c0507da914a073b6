"""The copy model: what it proposes, where it is silent, and that it forgets what it must."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.instant import copy_model
from spark_lsp.instant.copy_model import CopyModel, Cursor, Limits, Prediction
from spark_lsp.instant.indexed_document import LEAD_CHARS
from spark_lsp.instant.normal_form import TOKEN, normalize_line

SOURCE = """\
def load(path: Path, strict: bool) -> Config:
    with path.open("r", encoding="utf-8") as stream:
        return parse_config(stream.read(), strict=strict)
"""
ABOVE = "import os\n\n\ndef load(path: Path, strict: bool) -> Config:\n"
LINE = '    with path.open("r", encoding="utf-8") as stream:'


def make_model(*texts: str, limits: Limits | None = None) -> CopyModel:
    model = CopyModel(limits)
    for number, text in enumerate(texts):
        model.update(f"d{number}", text)
    while model.advance(10_000):
        pass
    return model


def predict(model: CopyModel, prefix: str, suffix: str = "", own: str = "") -> str:
    found = model.predict(Cursor(prefix, suffix, own))
    return found.text if found else ""


def test_the_rest_of_a_line_is_copied() -> None:
    prediction = make_model(SOURCE).predict(Cursor(ABOVE + "    with path.open(", ""))
    assert prediction == Prediction('"r", encoding="utf-8") as stream:', 21, 1.0, 1)


def test_a_line_is_copied_at_its_indentation() -> None:
    model = make_model(SOURCE)
    assert predict(model, ABOVE + "    ") == LINE.strip()
    assert predict(model, ABOVE) == LINE


def test_the_indentation_around_the_source_does_not_matter() -> None:
    inner = "".join(f"        {line}\n" for line in SOURCE.splitlines())
    assert predict(make_model("class A:\n" + inner), ABOVE + "    ") == LINE.strip()


def test_a_line_of_another_depth_is_not_copied() -> None:
    assert predict(make_model(SOURCE), ABOVE + "        ") == ""


def test_a_short_match_is_not_enough() -> None:
    assert predict(make_model(SOURCE), "    with path.open(") == ""


def test_a_match_without_words_is_not_enough() -> None:
    rows = "[\n" + "  { }, [ ], { }, [ ], { }, [ ],\n" * 3
    assert predict(make_model(rows), rows) == ""


def test_a_word_is_not_matched_at_its_end() -> None:
    limits = replace(Limits(), min_tokens=4)
    model = make_model("summit = first + second\n", limits=limits)
    assert predict(model, "mit = first + ") == ""


def test_a_word_under_the_cursor_may_continue() -> None:
    assert predict(make_model(SOURCE), ABOVE + "    with path.op").startswith('en("r"')


def test_sources_that_disagree_are_not_copied() -> None:
    other = SOURCE.replace('"r"', '"b"')
    assert predict(make_model(SOURCE, other), ABOVE + "    with path.open(") == ""
    four = make_model(SOURCE, SOURCE, SOURCE, SOURCE, other)
    found = four.predict(Cursor(ABOVE + "    with path.open(", ""))
    assert found is not None
    assert (found.agreement, found.count) == (0.8, 5)


def test_a_block_is_copied_if_several_sources_agree_on_it() -> None:
    rest = SOURCE.split("\n", 1)[1]
    assert predict(make_model(SOURCE), ABOVE + "    ") == LINE.strip()
    assert predict(make_model(SOURCE, SOURCE), ABOVE + "    ") == rest.strip()


def test_a_block_ends_where_the_sources_disagree_and_at_its_own_end() -> None:
    first = SOURCE + "    return None\n"
    second = SOURCE + "    raise ValueError\n"
    rest = SOURCE.split("\n", 1)[1].strip()
    assert predict(make_model(first, second), ABOVE + "    ") == rest
    assert predict(make_model(SOURCE + "\n\nx = 1\n", SOURCE + "\n\nx = 1\n"), ABOVE + "    ") == rest


def test_a_block_ends_at_the_line_below_the_cursor() -> None:
    below = "\n" + SOURCE.split("\n")[2] + "\n"
    assert predict(make_model(SOURCE, SOURCE), ABOVE + "    ", below) == LINE.strip()


def test_a_line_that_is_below_already_is_not_proposed() -> None:
    model = make_model(SOURCE)
    assert predict(model, ABOVE + "    ", f"\n\n{LINE}\n") == ""
    assert predict(model, ABOVE + "    with path.open(", f"\n{LINE}\n") == ""


def test_text_after_the_cursor_is_not_repeated() -> None:
    model = make_model(SOURCE)
    assert predict(model, ABOVE + "    with path.open(", ":\n") == '"r", encoding="utf-8") as stream'
    assert predict(model, ABOVE + "    with path.open(", "other\n") == ""


def test_an_end_of_a_line_is_no_proposal() -> None:
    assert predict(make_model(SOURCE), ABOVE + LINE) == ""


def test_the_own_document_counts_but_not_the_cursor_s_position() -> None:
    prefix, suffix = SOURCE + "\n\n" + ABOVE + "    with path", ".open(stream)\n"
    model = make_model(prefix + suffix)
    assert predict(model, prefix, "\n", "d0") == ""  # another text of that document
    assert predict(make_model(prefix + "\n"), prefix, "\n", "d0").startswith('.open("r"')
    alone = ABOVE + "    with path"
    assert predict(make_model(alone + "\n"), alone, "\n", "d0") == ""


def test_a_document_that_was_removed_is_forgotten_at_once() -> None:
    model = make_model(SOURCE)
    model.remove("d0")
    assert (predict(model, ABOVE + "    "), model.chars, model.size) == ("", 0, 0)
    model.remove("unknown")


def test_redacted_text_is_not_copied() -> None:
    hidden = SOURCE.replace('encoding="utf-8"', 'token="****************"')
    model = make_model(hidden, hidden)
    assert predict(model, ABOVE + "    ") == ""
    assert predict(model, ABOVE + "    with path.open(") == ""


@pytest.mark.parametrize(
    "text",
    [
        "var a={b:function(c,d){return c+d}};" * 20_000,
        ABOVE.replace("\n", ";") * 50 + "\n",
        "\x00".join(SOURCE),
        "(" * 300_000,
        ("[" * 300 + "\n") * 3_000,
        " " * 500_000,
    ],
    ids=["one line", "long line", "zeros", "brackets", "rows", "spaces"],
)
def test_minified_text_is_neither_copied_nor_in_the_way(text: str) -> None:
    model = make_model(SOURCE, text)
    assert predict(model, ABOVE + "    ") == LINE.strip()
    assert predict(model, text[: len(text) // 2], text[len(text) // 2 :], "d1") == ""
    assert predict(model, text) == ""


def test_a_very_large_document_is_not_indexed() -> None:
    model = make_model(SOURCE)
    model.update("d0", SOURCE * (copy_model.MAX_DOCUMENT_CHARS // len(SOURCE) + 1))
    assert model.names == []


def test_the_oldest_documents_are_dropped_first() -> None:
    size = make_model(SOURCE).chars
    model = make_model(SOURCE, "a = 1\n", SOURCE + "b = 2\n", limits=replace(Limits(), max_chars=size * 2))
    assert model.names == ["d1", "d2"]
    model.update("d1", "a = 2\n")
    model.update("d3", SOURCE)
    model.advance(10_000)
    assert model.names == ["d1", "d3"]
    assert model.chars <= size * 2


def test_the_memory_is_bounded() -> None:
    limits = replace(Limits(), max_bytes=40_000)
    model = make_model(*(f"{SOURCE}# {number}\n" * 30 for number in range(20)), limits=limits)
    assert 0 < model.size <= 40_000
    assert len(model.names) < 20


def test_many_occurrences_take_bounded_work() -> None:
    found = make_model(SOURCE * 500).predict(Cursor(ABOVE + "    ", ""))
    assert found is not None
    assert found.count == copy_model.MAX_OCCURRENCES


# A naive search over tokens finds the same occurrences.

LIMITS = Limits(min_tokens=3, min_words=1, min_agreement=0.0)
LINES = st.sampled_from(["a b c", "  a b", "a b", "c", "", "\tb c a", "c c a b x", "b\r", "*****", "ab c"])
TEXTS = st.lists(LINES, max_size=70).map("\n".join)


def count_naively(texts: list[str], prefix: str) -> int:
    """Count the positions in all texts that the last three tokens before the cursor precede."""
    lines = prefix.split("\n")
    context = "\n".join([*map(normalize_line, lines[:-1]), lines[-1].lstrip()])
    context = context[context.rfind("\x00") + 1 :][-LEAD_CHARS:]
    starts = [each.start() for each in TOKEN.finditer(context)]
    if len(starts) < LIMITS.min_tokens:
        return 0
    needle = context[starts[-LIMITS.min_tokens] :]
    if not any(each.isalnum() for each in needle):
        return 0
    count = 0
    for text in texts:
        normal = "\n".join(map(normalize_line, text.split("\n")))
        ends = range(len(needle), len(normal))
        count += sum(
            normal.startswith(needle, end - len(needle))
            and not (needle[0].isalnum() and end > len(needle) and normal[end - len(needle) - 1].isalnum())
            for end in ends
        )
    return count


@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), prefix=TEXTS, data=st.data())
def test_the_index_finds_what_a_naive_search_finds(
    texts: list[str], prefix: str, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        source = data.draw(st.sampled_from(texts))
        prefix = source[: data.draw(st.integers(0, len(source)))]
    model = make_model(*texts, limits=LIMITS)
    found = model.find_occurrences(Cursor(prefix, ""))
    assert len(found) == min(count_naively(texts, prefix), copy_model.MAX_OCCURRENCES)
